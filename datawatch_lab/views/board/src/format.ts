// How numbers, durations, sizes and times read: the same as views/format.py and
// views/board/numbers.py, case by case (a test compares them over one table).

export const NOTHING = "–";
const NBSP = "\u00a0";
const MINUS = "\u2212";

/** How a number is written: a format of the document, the metric's unit, fixed decimals. */
export interface Fmt {
  f?: string;
  u?: string;
  d?: number | null;
}

export type Value = number | null | undefined;

const COMPACT: [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];
const SIZES = ["B", "kB", "MB", "GB", "TB"];
const SYMBOLS: Record<string, string> = { EUR: "€", USD: "$", GBP: "£", JPY: "¥", INR: "₹" };

const missing = (value: Value): value is null | undefined =>
  value === null || value === undefined || !Number.isFinite(value);

function decimals(size: number): number {
  if (size >= 999.95 || size === 0) return 0;
  return size >= 10 ? 1 : Math.min(4, 2 - Math.floor(Math.log10(size)));
}

/** Digits with thousands separators; halves go to the even digit of the exact value. */
export function fixed(value: number, places: number): string {
  let text = value.toFixed(places);
  if (text.includes("e")) text = BigInt(Math.round(value)).toString() + (places ? `.${"0".repeat(places)}` : "");
  // toFixed takes the larger of two equally near; Python the even one. Only exact ties differ.
  if (places <= 4 && value < 1e15) {
    const scaled = value * 10 ** places;
    if (Number.isInteger(scaled * 2) && !Number.isInteger(scaled) && scaled / 10 ** places === value) {
      const low = Math.floor(scaled);
      const even = low % 2 === 0 ? low : low + 1;
      if (isTie(value, places)) text = (even / 10 ** places).toFixed(places);
    }
  }
  const [whole, rest] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return rest === undefined ? grouped : `${grouped}.${rest}`;
}

/** Whether the exact binary value lies in the middle: then its digits end in a single 5. */
function isTie(value: number, places: number): boolean {
  const digits = value.toFixed(Math.min(100, places + 40));
  const rest = digits.slice(digits.indexOf(".") + 1 + places);
  return /^50*$/.test(rest);
}

function grouped(value: number, places: number, trim = true): string {
  let text = fixed(Math.abs(value), places);
  if (trim && text.includes(".")) text = text.replace(/0+$/, "").replace(/\.$/, "");
  const zero = !/[1-9]/.test(text);
  return value >= 0 || zero ? text : MINUS + text;
}

export function number(value: Value): string {
  return missing(value) ? NOTHING : grouped(value, decimals(Math.abs(value)));
}

export function count(value: Value): string {
  return missing(value) ? NOTHING : grouped(value, 0);
}

export function compact(value: Value): string {
  if (missing(value)) return NOTHING;
  for (const [size, letter] of COMPACT) {
    if (Math.abs(value) >= size * (size > 1e3 ? 0.9995 : 1)) {
      const scaled = value / size;
      return `${grouped(scaled, decimals(Math.abs(scaled)))}${NBSP}${letter}`;
    }
  }
  return number(value);
}

export function money(value: Value, currency = "", short = false): string {
  if (missing(value)) return NOTHING;
  const size = Math.abs(value);
  let text: string;
  if (short && size >= 1e3) text = compact(size);
  else {
    const whole = size >= 1_000 || (short && Number.isInteger(size));
    text = grouped(size, whole ? 0 : 2, false);
  }
  const symbol = SYMBOLS[currency] ?? (currency ? `${currency}${NBSP}` : "");
  return `${value < 0 ? MINUS : ""}${symbol}${text}`;
}

export function percent(fraction: Value): string {
  if (missing(fraction)) return NOTHING;
  const size = Math.abs(fraction) * 100;
  // Only what is all says 100 %.
  if (size >= 99.95 && size < 100 - 1e-9) return `${grouped((Math.sign(fraction) * Math.floor(size * 100)) / 100, 2)}${NBSP}%`;
  return `${grouped(fraction * 100, size < 1 ? 2 : size < 100 ? 1 : 0)}${NBSP}%`;
}

export function duration(seconds: Value): string {
  if (missing(seconds)) return NOTHING;
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? MINUS : "";
  if (size < 0.001 && size > 0) return `${sign}${grouped(size * 1e6, 0)}${NBSP}µs`;
  if (size < 0.9995) {
    return size ? `${sign}${grouped(size * 1e3, size < 0.01 ? 1 : 0)}${NBSP}ms` : "0 s";
  }
  if (size < 59.95) return `${sign}${grouped(size, size < 9.995 ? 2 : 1)}${NBSP}s`;
  return sign + twoUnits(Number(fixed(size, 0).replaceAll(",", "")));
}

function twoUnits(seconds: number): string {
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  for (let place = 0; place < units.length - 1; place++) {
    const [name, size] = units[place];
    if (seconds >= size) {
      const [lesser, part] = units[place + 1];
      const less = Math.floor((seconds % size) / part);
      return `${Math.floor(seconds / size)}${NBSP}${name}${less ? ` ${less}${NBSP}${lesser}` : ""}`;
    }
  }
  return `${seconds}${NBSP}s`;
}

export function size(octets: Value): string {
  if (missing(octets)) return NOTHING;
  let value = octets;
  let place = 0;
  while (value >= 999.5 && place < SIZES.length - 1) {
    value /= 1000;
    place++;
  }
  return `${number(value)}${NBSP}${SIZES[place]}`;
}

export function unitMark(unit: string): string {
  const known: Record<string, string> = { "1": "", "": "", "1/min": "/min", percent: "%" };
  return known[unit] ?? unit;
}

const SECONDS: Record<string, number> = { s: 1, ms: 1e-3, us: 1e-6 };
const CURRENCY = /^[A-Z]{3}$/;

function marked(text: string, unit: string): string {
  const mark = unitMark(unit);
  return mark && text !== NOTHING ? `${text}${NBSP}${mark}` : text;
}

function auto(value: Value, unit: string, short: boolean): string {
  if (unit === "ratio") return percent(value);
  if (unit === "percent" || unit === "%") return percent(missing(value) ? null : value / 100);
  if (unit in SECONDS) return duration(missing(value) ? null : value * SECONDS[unit]);
  if (unit === "bytes" || unit === "B") return size(value);
  if (CURRENCY.test(unit)) return money(value, unit, short);
  return marked(short ? compact(value) : number(value), unit);
}

/** A value as people read it, with its unit. */
export function shown(value: Value, fmt: Fmt = {}, short = false): string {
  const unit = fmt.u ?? "";
  if (missing(value)) return NOTHING;
  if (fmt.d !== undefined && fmt.d !== null) return exact(value, fmt, unit, fmt.d);
  switch (fmt.f) {
    case "integer":
      return marked(short ? compact(Math.round(value)) : count(value), CURRENCY.test(unit) ? "" : unit);
    case "percent":
      return percent(unit === "percent" ? value / 100 : value);
    case "currency":
      return money(value, CURRENCY.test(unit) ? unit : "", short);
    case "per hour":
      return `${(short ? compact : number)(value * hourly(unit))}${NBSP}/h`;
    case "duration":
      return duration(value * (SECONDS[unit] ?? 1));
    case "bytes":
      return size(value);
    default:
      return auto(value, unit, short);
  }
}

function hourly(unit: string): number {
  return unit === "1/min" ? 60 : unit === "1/s" ? 3600 : 1;
}

function exact(value: number, fmt: Fmt, unit: string, places: number): string {
  if (fmt.f === "percent" || (unit === "ratio" && (fmt.f ?? "auto") === "auto")) {
    return `${grouped(unit === "percent" ? value : value * 100, places, false)}${NBSP}%`;
  }
  if (fmt.f === "per hour") return `${grouped(value * hourly(unit), places, false)}${NBSP}/h`;
  if (CURRENCY.test(unit)) {
    const text = grouped(Math.abs(value), places, false);
    const symbol = SYMBOLS[unit] ?? `${unit}${NBSP}`;
    return `${value < 0 ? MINUS : ""}${symbol}${text}`;
  }
  return marked(grouped(value, places, false), unit);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number): string => String(value).padStart(2, "0");

// Pieces that are loaded later have modules of their own; what they share stands here.
const ZONE = Symbol.for("datawatch.zone");
const shared = globalThis as unknown as Record<symbol, { name: string; clock: Intl.DateTimeFormat; ahead: Map<number, number> } | undefined>;
const QUARTER = 900_000;

/** Tell times as clocks of a zone show them; UTC for one that this browser does not know. */
export function useZone(name: string): void {
  if (shared[ZONE]?.name === name) return;
  try {
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: name, timeZoneName: "longOffset" });
    shared[ZONE] = name === "UTC" ? undefined : { name, clock, ahead: new Map() };
  } catch {
    shared[ZONE] = undefined;
  }
}

/** Milliseconds that the clocks of the zone are ahead of UTC at a time. */
export function ahead(at: number): number {
  const zone = shared[ZONE];
  if (!zone || !Number.isFinite(at)) return 0;
  const quarter = Math.floor(at / QUARTER); // no zone changes its clocks within one
  let found = zone.ahead.get(quarter);
  if (found === undefined) {
    const said = zone.clock.formatToParts(at).find((each) => each.type === "timeZoneName")?.value ?? "";
    const parts = /([+-])(\d+):?(\d+)?/.exec(said);
    found = parts ? (parts[1] === "-" ? -1 : 1) * (Number(parts[2]) * 60 + Number(parts[3] ?? 0)) * 60_000 : 0;
    zone.ahead.set(quarter, found);
  }
  return found;
}

/** The zone as it stands beside a time: UTC, or how far ahead of it. */
export function zoneMark(at: number): string {
  const minutes = ahead(at) / 60_000;
  if (!shared[ZONE] || minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? MINUS : "+"}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ""}`;
}

/** A time for a tooltip: seconds for short spans, the date for long ones; in the zone. */
export function moment(at: number, span: number): string {
  const when = new Date(at + ahead(at));
  const clock = `${two(when.getUTCHours())}:${two(when.getUTCMinutes())}`;
  if (span <= 7_200_000) return `${clock}:${two(when.getUTCSeconds())}`;
  const day = `${when.getUTCDate()} ${MONTHS[when.getUTCMonth()]}`;
  return span <= 60 * 86_400_000 ? `${day} ${clock}` : `${day} ${when.getUTCFullYear()}`;
}

/** How long ago, in one unit. */
export function ago(at: number, now: number): string {
  const seconds = (now - at) / 1000;
  if (seconds < 5) return "just now";
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ];
  for (const [name, unit] of units) {
    if (seconds >= unit) return `${Math.floor(seconds / unit)}${NBSP}${name} ago`;
  }
  return `${Math.floor(seconds)}${NBSP}s ago`;
}

/** Labels of a time axis: clock times, the date where the day changes; in the zone. */
export function tickTexts(times: number[], step: number): string[] {
  let day = -1;
  return times.map((utc, place) => {
    const at = utc + ahead(utc);
    const when = new Date(at);
    const date = `${when.getUTCDate()} ${MONTHS[when.getUTCMonth()]}`;
    if (step >= 86_400_000) return date;
    const turned = when.getUTCDate() !== day && (place > 0 || at % 86_400_000 === 0);
    day = when.getUTCDate();
    if (turned && at % 86_400_000 < step) return date;
    const clock = `${two(when.getUTCHours())}:${two(when.getUTCMinutes())}`;
    return step < 60_000 ? `${clock}:${two(when.getUTCSeconds())}` : clock;
  });
}

const LENGTHS: Record<string, number> = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3_600, d: 86_400 };
const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

/** The distance of ticks that reads well on an axis of durations, in its unit; null for others. */
export function durationStep(least: number, fmt: Fmt): number | null {
  const unit = LENGTHS[fmt.u ?? ""] ?? (fmt.f === "duration" ? 1 : 0);
  if (!unit || !(least > 0)) return null;
  const seconds = least * unit;
  const long = seconds > 1 ? CLOCK.find((each) => each >= seconds) : undefined;
  if (long) return long / unit;
  const power = 10 ** Math.floor(Math.log10(seconds));
  return ([1, 2, 5, 10].find((each) => each * power >= seconds * 0.999_999) ?? 10) * power / unit;
}
