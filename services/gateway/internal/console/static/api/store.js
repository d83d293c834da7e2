import { useEffect, useState } from "../vendor/hooks.js";

/**
 * A value that parts of the page share.
 * @template T
 */
export class Store {
  /** @param {T} value */
  constructor(value) {
    this.value = value;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {T} value */
  set(value) {
    this.value = value;
    for (const listener of [...this.listeners]) {
      listener();
    }
  }
}

/**
 * The value of a store, and a new one whenever it changes.
 * @template T
 * @param {Store<T>} store
 */
export function useStore(store) {
  const [, redraw] = useState({});
  useEffect(() => {
    const listener = () => redraw({});
    store.listeners.add(listener);
    return () => void store.listeners.delete(listener);
  }, [store]);
  return store.value;
}
