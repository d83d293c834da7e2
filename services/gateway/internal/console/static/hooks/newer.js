import { useMay } from "../api/caller.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { useFeed } from "./feed.js";

/**
 * What became of a resource since it was shown, as the feed says: its version,
 * and whether it is deleted. Null if nothing did.
 * @param {import("../api/types.js").Collection} collection
 * @param {{subject: string, version: number, cursor: string} | null} shown
 */
export function useNewer(collection, shown) {
  const may = useMay();
  const [newer, setNewer] = useState(/** @type {{version: number, isGone: boolean} | null} */ (null));
  const version = shown?.version ?? 0;
  // Another version has no newer one yet
  useEffect(() => setNewer(null), [version, shown?.subject]);
  useFeed(collection, shown?.cursor && may("events:read") ? { after: shown.cursor } : null, (events) => {
    const last = events.findLast(({ subject }) => subject === shown?.subject);
    if (last && Number(last.resourceversion) > version) {
      setNewer({ version: Number(last.resourceversion), isGone: last.type.includes(".deleted.") });
    }
  });
  return newer;
}
