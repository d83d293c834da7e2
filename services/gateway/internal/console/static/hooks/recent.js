import { useEffect, useRef, useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */

const redrawn = 200; // milliseconds between two drawings, however fast events come

/**
 * The latest events, the newest first, of which a bounded number is kept.
 * Paused, it shows the same ones, and counts what came since.
 * @param {number} limit
 */
export function useRecent(limit) {
  const kept = useRef(/** @type {ChangeEvent[]} */ ([]));
  const [shown, setShown] = useState(/** @type {ChangeEvent[]} */ ([]));
  const [paused, setPaused] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const isPaused = useRef(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);

  const draw = () => {
    timer.current = 0;
    if (!isPaused.current) {
      setShown(kept.current);
    }
  };
  const add = (/** @type {ChangeEvent[]} */ events) => {
    kept.current = [...events, ...kept.current]
      .sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0))
      .slice(0, limit);
    if (isPaused.current) {
      setWaiting((count) => count + events.length);
    }
    timer.current ||= setTimeout(draw, redrawn);
  };
  const pause = (/** @type {boolean} */ wanted) => {
    isPaused.current = wanted;
    setPaused(wanted);
    setWaiting(0);
    draw();
  };
  const clear = () => {
    kept.current = [];
    setWaiting(0);
    setShown([]);
  };
  return { events: shown, add, paused, pause, waiting, clear };
}
