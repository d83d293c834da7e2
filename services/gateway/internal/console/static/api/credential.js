// Who is asking. The credential is kept for this tab alone.
import { Store } from "./store.js";

const kept = "concha.credential";

/** The API key or token that requests carry; "" for none. */
export const credential = new Store(sessionStorage.getItem(kept) ?? "");

/** Whether the API has refused a request for want of a valid credential. */
export const mustSignIn = new Store(false);

/** @param {string} text */
export function signIn(text) {
  sessionStorage.setItem(kept, text);
  credential.set(text);
  mustSignIn.set(false);
}

export function signOut() {
  sessionStorage.removeItem(kept);
  credential.set("");
}

/**
 * The headers that say who is asking.
 * @returns {[string, string][]}
 */
export function authorization() {
  return credential.value ? [["Authorization", `Bearer ${credential.value}`]] : [];
}
