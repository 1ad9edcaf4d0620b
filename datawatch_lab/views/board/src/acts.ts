// What one does with a board as a whole: edit it, share it, take it elsewhere.

import { fill, h } from "./dom.ts";

const API = "api/v1/datawatch/dashboards";
const FILES: [format: string, label: string][] = [
  ["csv", "Values as CSV"],
  ["json", "Values as JSON"],
  ["parquet", "Values as Parquet"],
];
const FORMS: [format: string, label: string][] = [
  ["yaml", "Dashboard as YAML"],
  ["json", "Dashboard as JSON"],
  ["python", "Dashboard as Python"],
  ["grafana", "For Grafana"],
  ["metabase", "For Metabase"],
];
const EXPIRES: [string, string][] = [
  ["1d", "for a day"],
  ["7d", "for a week"],
  ["30d", "for a month"],
];

class NoChromium extends Error {}

const isDark = (): boolean => {
  const said = document.documentElement.dataset.theme;
  return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

export interface ActsOptions {
  /** Of the dashboard. */
  id: string;
  /** What whoever looks may do with this dashboard; '' for who came by a shared link. */
  role: string;
  /** Of the server, which may stand below any path of a proxy. */
  root: URL;
  edit(): void;
  query(): URLSearchParams;
}

/** The buttons in the header; for who came by a shared link there are none. */
export function acts(place: HTMLElement, { id, role, root, edit, query }: ActsOptions): void {
  if (!role) return;
  const own = new URL(`${API}/${encodeURIComponent(id)}/`, root);
  const mayChange = role !== "viewer";
  const change = h("button", { type: "button", class: "dww-tool dww-word", id: "edit" }, "Edit");
  change.addEventListener("click", edit);
  fill(place, mayChange && change, mayChange && sharing(own, root), exporting(new URL(`d/${encodeURIComponent(id)}/file`, root), own, query));
}

function menu(label: string, ...children: HTMLElement[]): HTMLDetailsElement {
  const made = h("details", { class: "dww-end" }, h("summary", {}, label), h("div", {}, ...children));
  document.addEventListener("click", (event) => {
    if (!made.contains(event.target as Node)) made.open = false;
  });
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") made.open = false;
  });
  return made;
}

function item(label: string, act: () => void, name: string): HTMLElement {
  const made = h("button", { type: "button", class: "dww-item", "data-act": name }, label);
  made.addEventListener("click", act);
  return made;
}

function exporting(file: URL, own: URL, query: () => URLSearchParams): HTMLElement {
  const said = h("p", { class: "dww-said", role: "status" });
  const files = FILES.map(([format, label]) => item(label, () => void take(format, label), `file-${format}`));
  const forms = FORMS.map(([format, label]) => item(label, () => void form(format, label), `form-${format}`));

  const drawn = [
    item("Picture (PNG)", () => void picture(), "png"),
    item("PDF", () => void paper(), "pdf"),
    item("Print", () => print(), "print"),
  ];

  // The server draws the whole board, however wide this window is; where it cannot, this browser does.
  async function picture(): Promise<void> {
    await attempt("Picture", async () => {
      try {
        await drawnThere("png", "Picture");
      } catch (error) {
        if (!(error instanceof NoChromium)) throw error;
        said.textContent = "Picture: drawing it here …";
        const { pictureOf } = await import("./picture.ts");
        save("board.png", await pictureOf(document.querySelector("#board .dwb-board") as HTMLElement));
      }
    });
  }

  async function paper(): Promise<void> {
    await attempt("PDF", () => drawnThere("pdf", "PDF"));
  }

  async function drawnThere(format: string, label: string): Promise<void> {
    const asked = new URLSearchParams(query());
    asked.set("format", format);
    asked.set("theme", isDark() ? "dark" : "light");
    await fetched(asked, label, `${label}: the server draws it …`);
  }

  async function take(format: string, label: string): Promise<void> {
    const asked = new URLSearchParams(query());
    asked.set("format", format);
    await attempt(label, () => fetched(asked, label, `${label}: asking …`));
  }

  async function fetched(asked: URLSearchParams, label: string, waiting: string): Promise<void> {
    const began = Date.now();
    const tick = setInterval(() => (said.textContent = `${waiting} ${Math.round((Date.now() - began) / 1_000)} s`), 1_000);
    said.textContent = waiting;
    try {
      const answer = await fetch(`${file.href}?${asked}`);
      clearInterval(tick);
      if (!answer.ok) {
        const isMissing = (await answer.clone().text()).includes('"missing_package"');
        throw new (isMissing ? NoChromium : Error)(await faultOf(answer));
      }
      const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? `board.${asked.get("format")}`;
      save(name, await whole(answer, (bytes) => (said.textContent = `${label}: ${Math.ceil(bytes / 1_000)} kB …`)));
    } finally {
      clearInterval(tick);
    }
  }

  async function form(format: string, label: string): Promise<void> {
    await attempt(label, async () => {
      const answer = await fetch(new URL(`export?format=${format}`, own));
      if (!answer.ok) throw new Error(await faultOf(answer));
      const found = await answer.json();
      save(found.name, new Blob([found.text], { type: found.media_type }));
    });
  }

  async function attempt(label: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      said.textContent = `${label}: done.`;
    } catch (error) {
      said.textContent = (error as Error).message;
    }
  }

  return menu("Export", ...files, ...drawn, ...forms, said);
}

/** The body of an answer, and how much of it has come. */
async function whole(answer: Response, came: (bytes: number) => void): Promise<Blob> {
  const reader = answer.body?.getReader();
  if (!reader) return answer.blob();
  const parts: BlobPart[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts, { type: answer.headers.get("Content-Type") ?? "" });
    parts.push(value);
    bytes += value.length;
    came(bytes);
  }
}

function save(name: string, body: Blob): void {
  const link = h("a", { href: URL.createObjectURL(body), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function faultOf(answer: Response): Promise<string> {
  try {
    const { error } = await answer.json();
    return [error.message, error.hint].filter(Boolean).join(" ");
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

function sharing(own: URL, root: URL): HTMLElement {
  const link = h("input", { type: "text", readonly: true, class: "dww-link", "aria-label": "Link", hidden: true });
  const said = h("p", { class: "dww-said", role: "status" });
  const make = async (expires: string): Promise<void> => {
    const answer = await fetch(new URL("share", own), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ expires }),
    });
    if (!answer.ok) {
      said.textContent = await faultOf(answer);
      return;
    }
    const { path } = await answer.json();
    link.value = new URL(path.replace(/^\//, ""), root).href;
    link.hidden = false;
    link.select();
    said.textContent = "Who has this link sees this dashboard, and nothing else.";
    void navigator.clipboard?.writeText(link.value).then(() => (said.textContent += " It is copied."), () => undefined);
  };
  const choices = EXPIRES.map(([expires, label]) => item(`A link ${label}`, () => void make(expires), `share-${expires}`));
  return menu("Share", ...choices, link, said);
}
