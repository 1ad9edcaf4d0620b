// Small helpers to build elements. Text from data becomes text nodes, never HTML.

export type Child = Node | string | null | undefined | false;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((each): each is Node | string => Boolean(each)));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

const ICONS: Record<string, string> = {
  critical: "M12 2 22 20H2Zm-1 7v5h2V9Zm0 7v2h2v-2Z",
  warning: "M12 2 22 20H2Zm-1 7v5h2V9Zm0 7v2h2v-2Z",
  info: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1 5h2v2h-2Zm0 4h2v6h-2Z",
  good: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1.4 14.2-4-4L8 10.800l2.600 2.600 5.400-5.400 1.400 1.400Z",
  up: "M12 5 20 17H4Z",
  down: "M12 19 4 7h16Z",
  empty: "M4 4h16v16H4Zm2 2v12h12V6Zm2 7h8v-2H8Z",
  lock: "M7 10V8a5 5 0 0 1 10 0v2h1a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1Zm2 0h6V8a3 3 0 0 0-6 0Z",
  clock: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1 5h2v5l4 2.300-1 1.700-5-3Z",
  full: "M4 4h6v2H6v4H4Zm10 0h6v6h-2V6h-4ZM4 14h2v4h4v2H4Zm14 0h2v6h-6v-2h4Z",
  schema: "M4 3h7v5H9v3h6V9h5v6h-5v-2H9v5h2v3H4v-5h3V8H4Z",
  anomaly: "M3 13h4l3-9 4 16 3-7h4v2h-3l-4 9-4-15-2 6H3Z",
  edit: "M4 16.500 15.500 5l3.500 3.500L7.500 20H4Zm13-13 1.500-1.500 3.500 3.500-1.500 1.500Z",
  copy: "M4 4h11v3h-2V6H6v7h1v2H4Zm5 5h11v11H9Zm2 2v7h7v-7Z",
  code: "m8 6 1.500 1.500L5 12l4.500 4.500L8 18l-6-6Zm8 0 6 6-6 6-1.500-1.500L19 12l-4.500-4.500Z",
  remove: "m6.500 5 5.500 5.500L17.500 5 19 6.500 13.500 12l5.500 5.500-1.500 1.500-5.500-5.500L6.500 19 5 17.500l5.500-5.500L5 6.500Z",
  explore: "M10 3a7 7 0 0 1 5.600 11.200l5.100 5.100-1.400 1.400-5.100-5.100A7 7 0 1 1 10 3Zm0 2a5 5 0 1 0 0 10 5 5 0 0 0 0-10Z",
  grip: "M8 4h3v3H8Zm5 0h3v3h-3ZM8 10.500h3v3H8Zm5 0h3v3h-3ZM8 17h3v3H8Zm5 0h3v3h-3Z",
};

/** A small drawn sign; the word beside it says the same. */
export function icon(name: string): SVGElement {
  const made = svg("svg", { viewBox: "0 0 24 24", class: "dwb-icon", "aria-hidden": "true" });
  made.append(svg("path", { d: ICONS[name] ?? ICONS.info, "fill-rule": "evenodd" }));
  return made;
}

/** Keep an element's children the given ones, without touching those that stay. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((each): each is Node | string => Boolean(each)));
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
