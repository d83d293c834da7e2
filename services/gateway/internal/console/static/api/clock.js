// The time at the server, whose clock may not agree with that of the browser.

let ahead = 0;

/** Learns from the Date of an answer, which counts whole seconds. @param {string | null} date */
export function noteDate(date) {
  const difference = Date.parse(date ?? "") - Date.now();
  if (!Number.isNaN(difference)) {
    ahead = Math.abs(difference) > 2000 ? difference : 0;
  }
}

/** The time at the server in milliseconds. */
export const now = () => Date.now() + ahead;

/** A time before now, in RFC 3339. @param {number} milliseconds */
export const before = (milliseconds) => new Date(now() - milliseconds).toISOString();
