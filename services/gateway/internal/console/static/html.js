import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

/** Makes elements of a template: html`<p>${text}</p>`. */
export const html = htm.bind(h);
