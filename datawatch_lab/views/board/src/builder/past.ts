// Versions of a board: what each changed, what lies between, and back again. And its code.

import { fill, h } from "../dom.ts";
import type { Backend } from "./backend.ts";
import { zoneMark } from "../format.ts";
import { wallOf } from "./clock.ts";
import { button } from "./fields.ts";

export function versionsPanel(backend: Backend, id: string, back: (version: number) => void): HTMLElement {
  const list = h("div", { class: "dwe-versions" }, h("p", { class: "dwe-hint" }, "Loading …"));
  const show = async (): Promise<void> => {
    try {
      const found: any[] = await backend.ask("dashboard_versions", { id });
      fill(list, ...found.map((each, place) => versionRow(backend, id, each, place === 0, back)));
    } catch (error) {
      fill(list, h("p", { class: "dwe-fault" }, (error as Error).message));
    }
  };
  void show();
  return h("div", { class: "dwe-panel" }, h("div", { class: "dwe-form" }, list));
}

function versionRow(backend: Backend, id: string, each: any, isNewest: boolean, back: (version: number) => void): HTMLElement {
  const difference = h("ul", { class: "dwe-diff" });
  const at = each.at ? `${wallOf(each.at).replace("T", " ")} ${zoneMark(Date.parse(each.at))}` : "";
  const acts = isNewest
    ? []
    : [
        button("Differences to now", async () => {
          try {
            const found: any[] = await backend.ask("dashboard_diff", { id, from: each.version });
            const lines = found.map((one) => h("li", { "data-change": one.change }, one.words));
            fill(difference, ...(lines.length ? lines : [h("li", {}, "Nothing differs.")]));
          } catch (error) {
            fill(difference, h("li", {}, (error as Error).message));
          }
        }, { class: "dwe-btn dwe-small" }),
        button("Go back to this", () => back(each.version), { class: "dwe-btn dwe-small", "data-act": "rollback" }),
      ];
  return h(
    "article",
    { class: "dwe-version", "data-version": each.version },
    h("b", {}, `Version ${each.version}${isNewest ? ", now" : ""}`),
    h("small", {}, ` ${each.what} by ${each.who} · ${at}`),
    h("p", {}, each.words || each.what),
    h("div", { class: "dwe-acts" }, ...acts),
    difference,
  );
}

export function codePanel(code: string, copied: () => void): HTMLElement {
  const text = h("pre", { class: "dwe-code", tabindex: 0 }, code);
  const copy = button("Copy", () => {
    const selection = getSelection();
    const range = document.createRange();
    range.selectNodeContents(text);
    selection?.removeAllRanges();
    selection?.addRange(range);
    void navigator.clipboard?.writeText(code).then(copied, () => document.execCommand("copy"));
  }, { class: "dwe-btn dwe-main" });
  return h("div", { class: "dwe-panel" }, h("div", { class: "dwe-form" }, text), h("div", { class: "dwe-foot" }, copy));
}
