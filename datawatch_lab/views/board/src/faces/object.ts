// An object of Python that stands in a tile: given by Panel, or framed from the same server.

import { fill, h } from "../dom.ts";
import type { Context, Face } from "../face.ts";
import type { Part } from "../message.ts";

export function objectFace(body: HTMLElement, context: Context): Face {
  body.classList.add("dwb-object");
  let name = "";
  return {
    update(part: Part): void {
      if (part.data.name === name) return;
      name = part.data.name;
      const found = context.object(name);
      fill(body, found ?? h("div", { class: "dwb-say", role: "status" }, h("p", {}, part.data.say)));
    },
    destroy: () => fill(body),
  };
}

/** A frame of this server, light or dark as the page is when it is drawn. */
export function framed(address: string, title: string): HTMLElement {
  const said = document.documentElement.dataset.theme;
  const dark = said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return h("iframe", { src: `${address}?theme=${dark ? "dark" : "default"}`, title, class: "dwb-frame" });
}
