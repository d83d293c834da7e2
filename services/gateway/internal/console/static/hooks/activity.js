import { useMay } from "../api/caller.js";
import { before, now } from "../api/clock.js";
import { barCount, barSeconds } from "../parts/rate.js";
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { useFeed } from "./feed.js";
import { useRecent } from "./recent.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */

const length = barSeconds * 1000;
const delaysKept = 200;

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;

/** What happened in the last minutes: counts, the latest events, and how long they took to get here. */
export function useActivity() {
  const may = useMay();
  const [time, setTime] = useState(now());
  const opened = useRef(now());
  const counts = useRef(/** @type {Map<number, number>} */ (new Map()));
  const delays = useRef(/** @type {number[]} */ ([]));
  const { events, add } = useRecent(8);
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), 1000);
    return () => clearInterval(timer);
  }, []);

  const take = (/** @type {ChangeEvent[]} */ read) => {
    const arrived = now();
    for (const event of read) {
      const at = Date.parse(event.time);
      const bar = Math.floor(at / length);
      counts.current.set(bar, (counts.current.get(bar) ?? 0) + 1);
      if (at > opened.current) {
        delays.current = [...delays.current.slice(1 - delaysKept), Math.max(0, arrived - at)];
      }
    }
    add(read);
  };
  const start = useMemo(() => ({ since: before(barCount * length) }), []);
  const mayFollow = may("events:read");
  const accounts = useFeed("accounts", mayFollow ? start : null, take);
  const audios = useFeed("audios", mayFollow ? start : null, take);

  const last = Math.floor(time / length);
  for (const bar of counts.current.keys()) {
    if (bar <= last - barCount) {
      counts.current.delete(bar);
    }
  }
  const bars = Array.from({ length: barCount }, (_, place) => counts.current.get(last - barCount + 1 + place) ?? 0);
  const recent = bars.slice(-3, -1).reduce((sum, count) => sum + count, 0) / (2 * barSeconds);
  return {
    events,
    bars,
    perSecond: recent,
    delay: median(delays.current),
    live: accounts.live && audios.live,
    mayFollow,
  };
}
