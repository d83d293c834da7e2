import { call, withQuery } from "../api/call.js";
import { changeQuery } from "../route.js";
import { useLoad } from "./load.js";

/** @typedef {import("../api/types.js").Collection} Collection */

/**
 * @template T
 * @typedef {{items: T[], next: string, cursor: string}} Page
 */

/**
 * The pages of a list, whose place the address holds. The API gives the token of
 * the next page alone: those of the pages before are kept with the entry of the
 * browser's history.
 * @template T
 * @param {Collection} collection
 * @param {Record<string, string>} filters those of the API, and its order
 * @param {URLSearchParams} query of the address
 */
export function usePages(collection, filters, query) {
  const size = query.get("page_size") ?? "50";
  const token = query.get("page_token") ?? "";
  const path = withQuery(`/v1/${collection}`, { ...filters, page_size: size, page_token: token });
  const loaded = useLoad(path, async (signal) => {
    const { data, headers } = await call("GET", path, { signal });
    return /** @type {Page<T>} */ ({
      items: data.items,
      next: data.next_page_token,
      cursor: headers.get("Concha-Feed-Cursor") ?? "",
    });
  });
  /** @type {string[]} */
  const before = history.state?.before ?? [];
  const next = loaded.data?.next ?? "";
  return {
    ...loaded,
    path,
    size,
    number: token === "" ? 1 : before.length > 0 ? before.length + 1 : null,
    first: token === "" ? null : () => changeQuery({ page_token: null }),
    previous:
      before.length === 0
        ? null
        : () => changeQuery({ page_token: before.at(-1) ?? null }, { state: { before: before.slice(0, -1) } }),
    next:
      next === "" || loaded.loading
        ? null
        : () => changeQuery({ page_token: next }, { state: { before: [...before, token] } }),
  };
}

/** @typedef {{count: number, exact: boolean}} Total the number of matches, or a lower bound of it */

/**
 * The number of matches, which is requested beside the page: null until it is known.
 * @param {Collection} collection
 * @param {Record<string, string>} filters
 * @param {boolean} [wanted]
 */
export function useTotal(collection, filters, wanted = true) {
  const path = withQuery(`/v1/${collection}`, { ...filters, order_by: null, include_total: true, page_size: 1 });
  return useLoad(wanted ? path : null, async (signal) => {
    const { data } = await call("GET", path, { signal, timeout: 120_000 });
    return /** @type {Total} */ ({ count: data.total_count, exact: data.total_is_exact });
  });
}
