import { online } from "../api/connection.js";
import { isAbort, Problem } from "../api/problem.js";
import { useStore } from "../api/store.js";
import { useCallback, useEffect, useRef, useState } from "../vendor/hooks.js";

/**
 * @template T
 * @typedef {object} Loaded
 * @property {T | null} data null until there is some; of the key before, while that of a new key is loaded
 * @property {Problem | null} problem
 * @property {boolean} loading
 * @property {() => void} reload
 * @property {(data: T) => void} replace shows other data, such as what a change was answered with
 */

/**
 * Loads what belongs to a key, again whenever the key changes, and once more
 * when a server that was away is back. Null is the key of nothing.
 * @template T
 * @param {string | null} key
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @returns {Loaded<T>}
 */
export function useLoad(key, load) {
  const [state, setState] = useState(
    /** @type {{key: string | null, data: T | null, problem: Problem | null, loading: boolean}} */ ({
      key,
      data: null,
      problem: null,
      loading: key !== null,
    }),
  );
  const [turn, setTurn] = useState(0);
  const isOnline = useStore(online);
  const latest = useRef(load);
  latest.current = load;

  // A turn asks for another load
  useEffect(() => {
    if (key === null) {
      setState({ key, data: null, problem: null, loading: false });
      return;
    }
    const controller = new AbortController();
    setState((before) => ({ ...before, key, loading: true }));
    latest
      .current(controller.signal)
      .then((data) => !controller.signal.aborted && setState({ key, data, problem: null, loading: false }))
      .catch((error) => {
        if (controller.signal.aborted || isAbort(error)) {
          return;
        }
        const problem =
          error instanceof Problem ? error : new Problem({ title: "The page failed", detail: String(error) });
        setState((before) => ({ key, data: problem.isOutage ? before.data : null, problem, loading: false }));
      });
    return () => controller.abort();
  }, [key, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const isOut = state.problem?.isOutage ?? false;
  useEffect(() => {
    if (isOnline && isOut) {
      reload();
    }
  }, [isOnline, isOut, reload]);
  const replace = useCallback(
    (/** @type {T} */ data) => setState((before) => ({ ...before, data, problem: null, loading: false })),
    [],
  );
  // A new key is rendered once before its effect runs: it is loading then, too.
  return { ...state, loading: state.loading || state.key !== key, reload, replace };
}
