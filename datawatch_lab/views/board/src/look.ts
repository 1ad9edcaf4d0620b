// What is looked at, as the address of the page says it.

/** How a label without a value is called. */
export const EMPTY = "(empty)";

/** A click on a value: it is the one of its label, or that label is free again. */
export function clicked(now: URLSearchParams, label: string, value: string): void {
  const said = `${label}=${value}`;
  const held = now.getAll("filter");
  now.delete("filter");
  for (const each of held) if (!each.startsWith(`${label}=`)) now.append("filter", each);
  if (!held.includes(said)) now.append("filter", said);
}

/** No value of a label is held any more. */
export function freed(now: URLSearchParams, label: string): void {
  const held = now.getAll("filter").filter((each) => !each.startsWith(`${label}=`));
  now.delete("filter");
  for (const each of held) now.append("filter", each);
}

/** The values of a variable; none for all. */
export function chosen(now: URLSearchParams, name: string, values: string[]): void {
  const held = now.getAll("var").filter((each) => !each.startsWith(`${name}=`));
  now.delete("var");
  const said = values.length ? values.map((value) => `${name}=${marked(value)}`) : [`${name}=`];
  for (const each of [...held, ...said]) now.append("var", each);
}

/** Nothing is all of a variable, so its empty value is a backslash, which is doubled elsewhere. */
function marked(value: string): string {
  return value === "" || value.startsWith("\\") ? `\\${value}` : value;
}
