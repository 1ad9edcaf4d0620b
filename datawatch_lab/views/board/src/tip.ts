// One tooltip for the whole board; its text is text, whatever the data holds.

import { h } from "./dom.ts";
import type { Tip, TipLine } from "./face.ts";

export function makeTip(root: HTMLElement): Tip & { element: HTMLElement } {
  const element = h("div", { class: "dwb-tip", role: "tooltip", hidden: true });
  root.append(element);
  return {
    element,
    show(lines: TipLine[], title: string, x: number, y: number): void {
      element.replaceChildren(...content(lines, title));
      element.hidden = false;
      const box = element.getBoundingClientRect();
      const left = x + 14 + box.width > innerWidth - 8 ? x - 14 - box.width : x + 14;
      element.style.left = `${Math.max(8, left)}px`;
      element.style.top = `${Math.max(8, Math.min(y - box.height / 2, innerHeight - box.height - 8))}px`;
    },
    hide(): void {
      element.hidden = true;
    },
  };
}

export function content(lines: TipLine[], title: string): Node[] {
  const rows = lines.map((each) => {
    const key = h("i", {});
    if (each.colour) key.style.background = each.colour;
    else key.classList.add("dwb-blank");
    return h("div", { class: "dwb-tip-line" }, key, h("span", {}, each.name), h("b", {}, each.value));
  });
  return [...(title ? [h("div", { class: "dwb-tip-title" }, title)] : []), ...rows];
}
