// Fields of forms: a label, a control, what it is for.

import { h } from "../dom.ts";
import type { Child } from "../dom.ts";

export type Changed = () => void;

export function field(label: string, control: HTMLElement, hint = ""): HTMLElement {
  if (hint) control.title = hint;
  return h("label", { class: "dwe-field" }, h("span", {}, label), control);
}

export function input(value: string, type = "text", attributes: Record<string, string | number | null> = {}): HTMLInputElement {
  const made = h("input", { type, ...attributes });
  made.value = value;
  return made;
}

export function area(value: string, rows = 3): HTMLTextAreaElement {
  const made = h("textarea", { rows });
  made.value = value;
  return made;
}

export function select(choices: [value: string, label: string][], chosen: string): HTMLSelectElement {
  const made = h("select", {});
  const known = choices.some(([value]) => value === chosen) ? choices : [...choices, [chosen, chosen] as [string, string]];
  for (const [value, label] of known) {
    const option = h("option", { value }, label);
    option.selected = value === chosen;
    made.append(option);
  }
  return made;
}

export function box(label: string, checked: boolean, hint = ""): [HTMLElement, HTMLInputElement] {
  const made = h("input", { type: "checkbox" });
  made.checked = checked;
  return [h("label", { class: "dwe-box", title: hint || null }, made, label), made];
}

export function button(label: Child, act: (event: MouseEvent) => void, how: Record<string, string | null> = {}): HTMLButtonElement {
  const made = h("button", { type: "button", class: "dwe-btn", ...how }, label);
  made.addEventListener("click", act);
  return made;
}

export function words(name: string): string {
  const plain = name.replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

let counter = 0;

/** An id that nothing else on the page has. */
export function fresh(name: string): string {
  counter += 1;
  return `dwe-${name}-${counter}`;
}
