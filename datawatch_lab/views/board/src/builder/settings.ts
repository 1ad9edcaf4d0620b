// The form of the board itself: name, time, variables, filters, notes, what is marked.

import { h } from "../dom.ts";
import { zoneMark } from "../format.ts";
import type { Doc, NoteDoc, VariableDoc } from "./backend.ts";
import { momentOf, wallOf } from "./clock.ts";
import { area, box, button, field, input, select, words } from "./fields.ts";
import { readLines, writeLines } from "./filters.ts";
import type { Known } from "./query.ts";

const RANGES: [string, string][] = [["auto", "suits the data"], ["today", "today"], ...["15m", "1h", "6h", "24h", "7d", "30d"].map((each): [string, string] => [each, `last ${each}`])];
const LAYERS = ["anomalies", "alerts", "schema", "notes"];
const REFRESH = ["1s", "5s", "30s", "1m"];

/**
 * @param asked where one is asked which of two values stays
 * @param done is given what was changed in the form, and nothing else of the document
 */
export function settingsForm(doc: Doc, known: Known, asked: HTMLElement, done: (said: Partial<Doc>) => Promise<void>, cancel: () => void): HTMLElement {
  const name = input(doc.name, "text", { required: "" });
  const about = area(doc.description ?? "", 2);
  const range = select(RANGES, doc.time_range ?? "auto");
  const refresh = select(REFRESH.map((each) => [each, `every ${each}`]), doc.refresh ?? "5s");
  const theme = select([["system", "as the system"], ["light", "light"], ["dark", "dark"]], doc.theme ?? "system");
  const layers = LAYERS.map((each) => [each, ...box(words(each), (doc.annotations ?? LAYERS).includes(each))] as const);
  const before = doc.filters ?? {};
  const filters = area(writeLines(before), 2);
  filters.placeholder = "status=paid";
  const variables = rows((doc.variables ?? []).map((each) => variableRow(each, known)), () => variableRow({ name: "" }, known), "Add a variable");
  const notes = rows((doc.notes ?? []).map(noteRow), () => noteRow({ at: new Date().toISOString(), text: "" }), "Add a note");
  const said = h("p", { class: "dwe-fault", role: "alert" });
  const read = (): Partial<Doc> => ({
    name: name.value.trim(),
    description: about.value.trim(),
    time_range: range.value,
    refresh: refresh.value,
    theme: theme.value,
    annotations: layers.filter(([, , control]) => control.checked).map(([each]) => each),
    filters: readLines(filters.value, before),
    variables: valuesOf<VariableDoc>(variables).filter((each) => each.name),
    notes: valuesOf<NoteDoc>(notes).filter((each) => each.text),
  });
  const began = Object.fromEntries(Object.entries(read()).map(([name, value]) => [name, JSON.stringify(value)]));
  const finish = async (): Promise<void> =>
    done(Object.fromEntries(Object.entries(read()).filter(([name, value]) => JSON.stringify(value) !== began[name])));
  const apply = button("Apply", () => {
    void finish().catch((error: Error) => (said.textContent = error.message));
  }, { class: "dwe-btn dwe-main", "data-act": "apply" });
  const form = h(
    "form",
    { class: "dwe-form" },
    said,
    asked,
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

type Row = HTMLElement & { value?: () => unknown };

function rows(there: Row[], make: () => Row, label: string): HTMLElement {
  const list = h("div", { class: "dwe-rows" }, ...there);
  return h("div", {}, list, button(label, () => list.append(make())));
}

function valuesOf<T>(group: HTMLElement): T[] {
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
  const shown = wallOf(note.at);
  const at = input(shown, "datetime-local", { "aria-label": `Time, ${zoneMark(Date.parse(note.at))}` });
  at.title = `By the clocks of the workspace: ${zoneMark(Date.parse(note.at))}`;
  const text = input(note.text, "text", { placeholder: "what happened", "aria-label": "Words" });
  const row: Row = removable(h("div", { class: "dwe-row" }, at, text));
  row.value = () => {
    const words = text.value.trim(); // one without words is no note
    return { ...note, at: !words || at.value === shown ? note.at : momentOf(at.value), text: words };
  };
  return row;
}
