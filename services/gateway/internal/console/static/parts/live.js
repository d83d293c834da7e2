import { counted } from "../format.js";
import { html } from "../html.js";

/** Whether what is shown follows the feed. @param {{live: boolean}} props */
export const LiveDot = ({ live }) =>
  html`<span class=${live ? "live" : "live off"}>${live ? "Live" : "Not live"}</span>`;

/** Says how many rows were created since, and shows them. @param {{created: number, noun: string, reload: () => void}} props */
export const NewRows = ({ created, noun, reload }) =>
  created > 0 &&
  html`<button type="button" class="new-rows" onClick=${reload}>${counted(created, `new ${noun}`)}: show</button>`;
