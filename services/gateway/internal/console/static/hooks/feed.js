import { follow } from "../api/feed.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */

/**
 * Zero while the page cannot be seen, and another number each time that it can
 * be seen again. A browser opens few connections to one origin, so a page that
 * is hidden gives back those of its streams.
 */
function useVisible() {
  const [visible, setVisible] = useState(document.hidden ? 0 : 1);
  const changes = useRef(1);
  useEffect(() => {
    const changed = () => setVisible(document.hidden ? 0 : ++changes.current);
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, []);
  return visible;
}

/**
 * Follows the feed of a collection while the page can be seen; from where it
 * was, when it can be seen again. A start of null follows nothing, another
 * start begins anew.
 * @param {import("../api/types.js").Collection} collection
 * @param {{after?: string, since?: string} | null} start
 * @param {(events: ChangeEvent[]) => void} onEvents
 * @returns {import("../api/feed.js").FeedState}
 */
export function useFeed(collection, start, onEvents) {
  const [state, setState] = useState(
    /** @type {import("../api/feed.js").FeedState} */ ({ live: false, problem: null }),
  );
  const visible = useVisible();
  const latest = useRef(onEvents);
  latest.current = onEvents;
  const place = useRef({ key: "", cursor: "" });
  const key = start && JSON.stringify(start);

  useEffect(() => {
    if (key === null || !visible) {
      return;
    }
    if (place.current.key !== key) {
      place.current = { key, cursor: "" };
    }
    const { after = "", since } = JSON.parse(key);
    const controller = new AbortController();
    // At once: a page that is left may be frozen before its effects run again.
    const leave = () => document.hidden && controller.abort();
    document.addEventListener("visibilitychange", leave);
    follow(collection, {
      after: place.current.cursor || after,
      since,
      signal: controller.signal,
      onState: (next) => !controller.signal.aborted && setState(next),
      onEvents: (events) => {
        place.current.cursor = events.at(-1)?.cursor ?? place.current.cursor;
        latest.current(events);
      },
    });
    return () => {
      document.removeEventListener("visibilitychange", leave);
      controller.abort();
    };
  }, [collection, key, visible]);
  return state;
}
