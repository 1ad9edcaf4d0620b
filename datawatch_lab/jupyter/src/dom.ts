/** Elements from values; text is always set as text, never as HTML. */
type Child = Node | string | null | undefined | false;

type Given = Record<string, string | boolean | EventListener | undefined>;

/** An element with attributes (functions are listeners) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  given: Given = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') made.addEventListener(key.slice(2).toLowerCase(), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) made.append(child);
  }
  return made;
}

/** Replace what an element holds; the focus stays on the row that had it. */
export function fill(parent: HTMLElement, ...children: Child[]): void {
  const active = document.activeElement;
  const key = active instanceof HTMLElement && parent.contains(active) ? active.dataset.key : undefined;
  const top = parent.scrollTop;
  parent.replaceChildren(...children.filter((each): each is Node | string => !!each));
  parent.scrollTop = top;
  if (key !== undefined) parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
}
