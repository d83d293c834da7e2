import { now } from "../api/clock.js";
import { ago, dateTime } from "../format.js";
import { html } from "../html.js";

/** A time as how long ago it was; the pointer shows the time itself. @param {{at: string}} props */
export const Ago = ({ at }) => html`<time dateTime=${at} title=${dateTime(at)}>${ago(at, now())}</time>`;
