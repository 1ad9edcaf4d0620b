// Colours of charts, read from the page's CSS variables, and the palette of series.

export const PALETTE = ["#5b6cf0", "#d55e00", "#009e73", "#b8860b", "#3498db", "#cc79a7", "#7a7f87"];

export interface Colours {
  card: string;
  line: string;
  ink: string;
  ink2: string;
  accent: string;
  soft: string;
  good: string;
  warn: string;
  bad: string;
  dark: boolean;
  font: string;
}

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(`--dw-${name}`).trim();
  const card = read("card") || "#ffffff";
  return {
    card,
    line: read("line"),
    ink: read("ink"),
    ink2: read("ink-2"),
    accent: read("accent"),
    soft: read("accent-soft"),
    good: read("good"),
    warn: read("warn"),
    bad: read("bad"),
    dark: brightness(card) < 128,
    font: style.fontFamily,
  };
}

function brightness(colour: string): number {
  const found = /^#(..)(..)(..)/.exec(colour);
  return found ? Math.max(...found.slice(1).map((each) => parseInt(each, 16))) : 255;
}

export function seriesColour(place: number): string {
  return PALETTE[place % PALETTE.length];
}

/** A colour of the series with some of the ground let through. */
export function faded(colour: string, alpha: number): string {
  const found = /^#(..)(..)(..)/.exec(colour);
  if (!found) return colour;
  const [red, green, blue] = found.slice(1).map((each) => parseInt(each, 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/** A colour between two. */
export function mixed(from: string, to: string, share: number): string {
  const parts = [from, to].map((each) => [1, 3, 5].map((at) => parseInt(each.slice(at, at + 2), 16)));
  const found = parts[0].map((low, place) => Math.round(low + (parts[1][place] - low) * share));
  return `#${found.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}
