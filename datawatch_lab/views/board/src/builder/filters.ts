// Filters as one types them: values between commas. A backslash stands before a comma and a
// backslash of a value; quotes stand around nothing at all, and around spaces at an end.

export type Said = string | string[];

/** Values as a text that `readValues` reads back. */
export function writeValues(value: Said): string {
  return [value].flat().map(written).join(", ");
}

function written(value: string): string {
  const safe = value.replace(/[\\,]|^"/g, "\\$&").replaceAll("\n", "\\n");
  return value === "" || value.trim() !== value ? `"${safe}"` : safe;
}

/** The values of a text; null for an empty one, the empty value for two quotes. */
export function readValues(text: string): Said | null {
  const parts = [""];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\" && at + 1 < text.length) parts[parts.length - 1] += text[at] + text[(at += 1)];
    else if (text[at] === ",") parts.push("");
    else parts[parts.length - 1] += text[at];
  }
  const values = parts.map((each) => each.trim()).filter(Boolean).map(plain);
  return values.length === 0 ? null : values.length === 1 ? values[0] : values;
}

function plain(part: string): string {
  const inner = part.length > 1 && part.startsWith('"') && part.endsWith('"') ? part.slice(1, -1) : part;
  return inner.replace(/\\([\\,"n])/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}

/** What a field says of a filter; the value that it began with where nobody has typed in it. */
export function valueOf(text: string, began: string, before: Said): Said | null {
  return text === began ? before : readValues(text);
}

/** Filters as lines, label=value. */
export function writeLines(filters: Record<string, Said>): string {
  return Object.entries(filters)
    .map(([label, value]) => `${label}=${writeValues(value)}`)
    .join("\n");
}

/** The filters of lines; one whose line nobody has changed is as it was. */
export function readLines(text: string, before: Record<string, Said>): Record<string, Said> {
  const found: Record<string, Said> = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    const label = at > 0 ? line.slice(0, at).trim() : "";
    if (!label) continue;
    const typed = line.slice(at + 1);
    const held = before[label];
    const value = held !== undefined && typed === writeValues(held) ? held : readValues(typed);
    if (value !== null) found[label] = value;
  }
  return found;
}
