import { useMay } from "../api/caller.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { useFeed } from "./feed.js";

/** @typedef {import("../api/types.js").EventData} EventData */

/**
 * The rows of a page, kept up to date by the feed: what was changed since is
 * shown as it is now, what was deleted is marked, and what was created is
 * counted. Only a first page is followed, as later ones have the cursor of it.
 * @template {{version: number}} T
 * @param {import("../api/types.js").Collection} collection
 * @param {import("./pages.js").Page<T> | null} page
 * @param {boolean} isFirst
 * @param {(row: T | Record<string, unknown>) => unknown} idOf
 */
export function useLiveRows(collection, page, isFirst, idOf) {
  const may = useMay();
  const nothing = { changed: /** @type {Map<string, T | null>} */ (new Map()), created: 0 };
  const [news, setNews] = useState(nothing);
  // Another page has no news yet
  useEffect(() => setNews(nothing), [page]);

  const start = page?.cursor && isFirst && may("events:read") ? { after: page.cursor } : null;
  const { live } = useFeed(collection, start, (events) => {
    const shown = new Map((page?.items ?? []).map((row) => [String(idOf(row)), row]));
    setNews((before) => {
      const changed = new Map(before.changed);
      let created = before.created;
      for (const event of events) {
        const id = event.subject.split("/")[1] ?? "";
        const { resource } = /** @type {EventData} */ (event.data);
        const row = shown.get(id);
        if (!row) {
          created += event.type.includes(".created.") ? 1 : 0;
        } else if (event.type.includes(".deleted.")) {
          changed.set(id, null);
        } else if (resource && Number(event.resourceversion) > row.version) {
          changed.set(id, /** @type {T} */ (/** @type {unknown} */ (resource)));
        }
      }
      return { changed, created };
    });
  });

  const rows = (page?.items ?? []).map((item) => {
    const id = String(idOf(item));
    const now = news.changed.get(id);
    return { id, item: now ?? item, isNew: Boolean(now), isGone: now === null };
  });
  return { rows, created: news.created, live };
}
