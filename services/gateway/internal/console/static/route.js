// The address holds the state of a page, so that it can be shared, reloaded and
// left by the back button.
import { useEffect, useState } from "./vendor/hooks.js";

const base = "/console";

/**
 * The place that the address names: a path below /console, without the slash at
 * its end, and the query.
 * @typedef {{path: string, query: URLSearchParams}} Route
 */

/** @returns {Route} */
function currentRoute() {
  const path = location.pathname.slice(base.length).replace(/\/+$/, "") || "/";
  return { path, query: new URLSearchParams(location.search) };
}

/** @type {Set<() => void>} */
const listeners = new Set();

function changed() {
  for (const listener of listeners) {
    listener();
  }
}
addEventListener("popstate", changed);

/**
 * The address of a page. Parameters without a value are left out.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query]
 */
export function pageAddress(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") {
      parameters.append(name, String(value));
    }
  }
  const text = parameters.toString();
  return base + (path === "/" ? "" : path) + (text && `?${text}`);
}

/**
 * Goes to a page of the console. The state is kept with the entry of the
 * browser's history.
 * @param {string} address as pageAddress makes it
 * @param {{replace?: boolean, state?: unknown}} [options]
 */
export function go(address, { replace = false, state = null } = {}) {
  history[replace ? "replaceState" : "pushState"](state, "", address);
  changed();
}

/**
 * Goes to the same page with other parameters; null removes one.
 * @param {Record<string, string | number | null>} changes
 * @param {{replace?: boolean, state?: unknown}} [options]
 */
export function changeQuery(changes, options) {
  const { path, query } = currentRoute();
  go(pageAddress(path, { ...Object.fromEntries(query), ...changes }), options);
}

/** The current place, and a new one whenever the address changes. */
export function useRoute() {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const listener = () => setRoute(currentRoute());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return route;
}

// Links to pages of the console do not load the document again.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || link.target || link.hasAttribute("download") || link.origin !== location.origin) {
    return;
  }
  if (link.pathname === base || link.pathname.startsWith(`${base}/`)) {
    event.preventDefault();
    go(link.pathname + link.search);
  }
});
