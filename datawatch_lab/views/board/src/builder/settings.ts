// The form of the board itself: name, time, variables, filters, notes, what is marked.

import { h } from "../dom.ts";
import type { Doc, NoteDoc, VariableDoc } from "./backend.ts";
import { area, box, button, field, input, select, words } from "./fields.ts";
import type { Known } from "./query.ts";

const RANGES: [string, string][] = [["auto", "suits the data"], ["today", "today"], ...["15m", "1h", "6h", "24h", "7d", "30d"].map((each): [string, string] => [each, `last ${each}`])];
const LAYERS = ["anomalies", "alerts", "schema", "notes"];
const REFRESH = ["1s", "5s", "30s", "1m"];

export function settingsForm(doc: Doc, known: Known, done: (next: Doc) => Promise<boolean>, cancel: () => void): HTMLElement {
  const name = input(doc.name, "text", { required: "" });
  const about = area(doc.description ?? "", 2);
  const range = select(RANGES, doc.time_range ?? "auto");
  const refresh = select(REFRESH.map((each) => [each, `every ${each}`]), doc.refresh ?? "5s");
  const theme = select([["system", "as the system"], ["light", "light"], ["dark", "dark"]], doc.theme ?? "system");
  const layers = LAYERS.map((each) => [each, ...box(words(each), (doc.annotations ?? LAYERS).includes(each))] as const);
  const filters = area(Object.entries(doc.filters ?? {}).map(([label, value]) => `${label}=${[value].flat().join(",")}`).join("\n"), 2);
  filters.placeholder = "status=paid";
  const variables = rows((doc.variables ?? []).map((each) => variableRow(each, known)), () => variableRow({ name: "" }, known), "Add a variable");
  const notes = rows((doc.notes ?? []).map(noteRow), () => noteRow({ at: new Date().toISOString(), text: "" }), "Add a note");
  const said = h("p", { class: "dwe-fault", role: "alert" });
  const apply = button("Apply", () => {
    const next: Doc = {
      ...doc,
      name: name.value.trim(),
      description: about.value.trim(),
      time_range: range.value,
      refresh: refresh.value,
      theme: theme.value,
      annotations: layers.filter(([, , control]) => control.checked).map(([each]) => each),
      filters: Object.fromEntries(filters.value.split("\n").map(pair).filter((each) => each[0])),
      variables: read<VariableDoc>(variables).filter((each) => each.name),
      notes: read<NoteDoc>(notes).filter((each) => each.text),
    };
    void done(next).catch((error: Error) => (said.textContent = error.message));
  }, { class: "dwe-btn dwe-main", "data-act": "apply" });
  const form = h(
    "form",
    { class: "dwe-form" },
    said,
    field("Name", name),
    field("Description", about),
    field("Time range", range),
    field("Refresh", refresh),
    field("Theme", theme),
    h("fieldset", {}, h("legend", {}, "Marked on charts"), ...layers.map(([, made]) => made)),
    field("Filters for all tiles, one a line", filters),
    h("fieldset", {}, h("legend", {}, "Variables"), variables),
    h("fieldset", {}, h("legend", {}, "Notes"), notes),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
  return h("div", { class: "dwe-panel" }, form, h("div", { class: "dwe-foot" }, apply, button("Cancel", cancel)));
}

function pair(line: string): [string, string | string[]] {
  const at = line.indexOf("=");
  const values = line.slice(at + 1).split(",").map((each) => each.trim()).filter(Boolean);
  return [at > 0 ? line.slice(0, at).trim() : "", values.length === 1 ? values[0] : values];
}

type Row = HTMLElement & { value?: () => unknown };

function rows(there: Row[], make: () => Row, label: string): HTMLElement {
  const list = h("div", { class: "dwe-rows" }, ...there);
  return h("div", {}, list, button(label, () => list.append(make())));
}

function read<T>(group: HTMLElement): T[] {
  return [...(group.firstElementChild as HTMLElement).children].map((each) => (each as Row).value?.() as T);
}

function removable(row: Row): Row {
  row.append(button("✕", () => row.remove(), { class: "dwe-btn dwe-small", "aria-label": "Remove" }));
  return row;
}

function variableRow(variable: VariableDoc, known: Known): Row {
  const name = input(variable.name, "text", { placeholder: "name", "aria-label": "Name" });
  const split = known.metrics.filter((each) => each.labels.length);
  const start = variable.metric ?? "";
  const metric = select([["", "choose a metric"], ...split.map((each): [string, string] => [each.name, each.name])], start);
  metric.setAttribute("aria-label", "Metric");
  const labels = (): [string, string][] => (split.find((each) => each.name === metric.value)?.labels ?? []).map((each) => [each, each]);
  let label = select(labels(), variable.label ?? "");
  label.setAttribute("aria-label", "Label");
  metric.addEventListener("change", () => {
    const next = select(labels(), labels()[0]?.[0] ?? "");
    next.setAttribute("aria-label", "Label");
    label.replaceWith(next);
    label = next;
    if (!name.value) name.value = next.value.replace(/\W/g, "_");
  });
  const [many, multi] = box("several", Boolean(variable.multi));
  const row: Row = removable(h("div", { class: "dwe-row" }, name, metric, label, many));
  row.value = () => {
    const asked = metric.value ? { metric: metric.value, label: label.value } : {};
    const { metric: _, label: __, ...rest } = variable;
    return { ...rest, name: name.value.trim(), ...asked, multi: multi.checked };
  };
  return row;
}

function noteRow(note: NoteDoc): Row {
  const local = new Date(Date.parse(note.at) - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const at = input(local, "datetime-local", { "aria-label": "Time" });
  const text = input(note.text, "text", { placeholder: "what happened", "aria-label": "Words" });
  const row: Row = removable(h("div", { class: "dwe-row" }, at, text));
  row.value = () => ({ ...note, at: at.value === local ? note.at : new Date(at.value).toISOString(), text: text.value.trim() });
  return row;
}
