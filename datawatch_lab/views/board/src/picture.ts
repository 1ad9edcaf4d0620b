// The board as a picture: its elements as they stand are drawn into a canvas by the browser.

const MOST_SIDE = 16_000;

/** A PNG of a board, at the density of the screen or twice that of a plain one. */
export async function pictureOf(board: HTMLElement): Promise<Blob> {
  const { width, height } = board.getBoundingClientRect();
  const scale = Math.min(Math.max(2, devicePixelRatio), MOST_SIDE / Math.max(width, height));
  const copy = board.cloneNode(true) as HTMLElement;
  const drawn = board.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((each, place) => each.replaceWith(imageOf(drawn[place])));
  copy.querySelectorAll(".dwe-tools, .dwb-full, .dwb-tip").forEach((each) => each.remove());
  copy.style.cssText += `${tokens()};background:var(--dw-ground);width:${width}px;height:${height}px`;
  // Fonts of the system have no name inside a picture.
  const fonts = getComputedStyle(board).fontFamily.split(",").filter((each) => !/system|ui-/.test(each));
  copy.style.fontFamily = [...fonts, "sans-serif"].join(",");
  copy.setAttribute("xmlns", "http://www.w3.org/1999/xhtml");
  const style = document.createElement("style");
  style.textContent = rules();
  copy.prepend(style);
  const inside = new XMLSerializer().serializeToString(copy);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${inside}</foreignObject></svg>`;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.scale(scale, scale);
  pen.drawImage(image, 0, 0);
  return new Promise((done, failed) => {
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("The picture is too large."))), "image/png");
  });
}

function imageOf(canvas: HTMLCanvasElement): HTMLImageElement {
  const made = document.createElement("img");
  made.setAttribute("src", canvas.toDataURL());
  made.setAttribute("class", canvas.className);
  made.style.cssText = canvas.style.cssText;
  made.style.width ||= `${canvas.clientWidth}px`;
  made.style.height ||= `${canvas.clientHeight}px`;
  return made;
}

/** The values that the page's look has now, theme and all. */
function tokens(): string {
  const style = getComputedStyle(document.documentElement);
  const names = new Set<string>();
  for (const [name] of rules().matchAll(/--dw-[\w-]+/g)) names.add(name);
  return [...names].map((name) => `${name}:${style.getPropertyValue(name)}`).join(";");
}

function rules(): string {
  return [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((each) => each.cssText)).join("\n");
}
