/** Numbers and times for people. */
const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const number = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : whole.format(value);

export const compact = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value < 10_000 ? whole.format(value) : short.format(value);

/** Events a second, or a minute where there are few. */
export function rate(perSecond: number | null): { value: string; unit: string } {
  if (perSecond === null) return { value: '–', unit: 'events/s' };
  if (perSecond >= 1) return { value: compact(Math.round(perSecond * 10) / 10), unit: 'events/s' };
  return { value: compact(Math.round(perSecond * 600) / 10), unit: 'events/min' };
}

/** How long ago; "now" below two seconds. */
export function ago(iso: string | null | undefined, now = Date.now()): string {
  if (!iso) return 'never';
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export const plural = (count: number, word: string): string =>
  `${whole.format(count)} ${word}${count === 1 ? '' : 's'}`;

/** A Python string literal. */
export const quoted = (text: string): string => JSON.stringify(text);
