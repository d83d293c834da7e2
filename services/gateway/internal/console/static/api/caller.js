// What the caller may do. What it may not do is not offered.
import { call } from "./call.js";
import { mustSignIn } from "./credential.js";
import { Problem } from "./problem.js";
import { Store, useStore } from "./store.js";

/**
 * @typedef {object} Caller
 * @property {"open" | "required"} access whether requests need a credential
 * @property {string | null} id null for a caller without a credential
 * @property {string[]} scopes
 */

const everything = ["accounts:read", "accounts:write", "audios:read", "audios:write", "events:read"];

/** Null until it is known. */
export const caller = new Store(/** @type {Caller | null} */ (null));

/** Asks who the caller is. An API without access control has no such route. Fails with a Problem if it is refused. */
export async function loadCaller() {
  try {
    caller.set((await call("GET", "/v1/caller")).data);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) {
      throw error;
    }
    caller.set({ access: "open", id: null, scopes: everything });
  }
}

/**
 * Whether a caller with these scopes may do what needs one: accounts:own does
 * for accounts:read and accounts:write, within what the caller owns.
 * @param {string[]} scopes
 * @param {string} needed
 */
export function covers(scopes, needed) {
  const [resource] = needed.split(":");
  return scopes.includes(needed) || (resource !== "events" && scopes.includes(`${resource}:own`));
}

/** Returns a function that tells whether the caller may do what needs a scope. */
export function useMay() {
  const known = useStore(caller);
  return (/** @type {string} */ scope) => known !== null && covers(known.scopes, scope);
}

/** Whether nothing can be shown before a person signs in. */
export function useMustSignIn() {
  const known = useStore(caller);
  const isRefused = useStore(mustSignIn);
  return isRefused || (known?.access === "required" && known.id === null && known.scopes.length === 0);
}
