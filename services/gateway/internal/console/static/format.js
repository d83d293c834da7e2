// Numbers, times and sizes as people read them.

const numbers = new Intl.NumberFormat("en");
const levels = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** @param {number} value */
export const number = (value) => numbers.format(value);

/** A noun with its number, as in "1 session". @param {number} count @param {string} noun */
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A level with its unit. @param {number} value in dB */
export const decibels = (value) => `${levels.format(value).replace("-", "−")} dB`;

/** @param {string} time in RFC 3339 */
export const dateTime = (time) => absolute.format(new Date(time));

/** @param {string} time in RFC 3339 */
export const timeOfDay = (time) => clock.format(new Date(time));

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const units = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/**
 * How long ago a time was, as in "2 hours ago".
 * @param {string} time in RFC 3339
 * @param {number} now in milliseconds
 */
export function ago(time, now) {
  const seconds = (now - Date.parse(time)) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) {
      return relative.format(-Math.trunc(seconds / length), unit);
    }
  }
  return seconds < 10 ? "just now" : relative.format(-Math.trunc(seconds), "second");
}

/** @param {number} size in bytes */
export function bytes(size) {
  if (size < 1024) {
    return `${size} B`;
  }
  return size < 1 << 20 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / (1 << 20)).toFixed(1)} MiB`;
}

/** @param {number} milliseconds */
export const duration = (milliseconds) =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
