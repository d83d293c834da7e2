// Short words on what was done, seen and read out.
import { Store, useStore } from "../api/store.js";
import { html } from "../html.js";

const notice = new Store({ key: 0, text: "" });

/** @param {string} text */
export function say(text) {
  const key = notice.value.key + 1;
  notice.set({ key, text });
  setTimeout(() => notice.value.key === key && notice.set({ key, text: "" }), 4000);
}

export function Notices() {
  const { text } = useStore(notice);
  return html`<div class="notices" role="status" aria-live="polite">${text && html`<span>${text}</span>`}</div>`;
}
