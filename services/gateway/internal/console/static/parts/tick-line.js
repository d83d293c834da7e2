import { decibels } from "../format.js";
import { html } from "../html.js";
import { lineOf, xOf, yOf } from "./tick-scale.js";

/** @typedef {import("../api/types.js").Session} Session */

const scale = { width: 104, height: 28, left: 4, right: 100, top: 4, bottom: 24 };

/** @param {Session} session */
export const pickedLevel = (session) => /** @type {number} */ (session.ticks[session.selected_tick]);

/** The ticks of a session as a small line, the picked one marked. @param {{session: Session}} props */
export const TickLine = ({ session }) => html`
  <svg class="tick-line" width=${scale.width} height=${scale.height} viewBox="0 0 ${scale.width} ${scale.height}"
    role="img" aria-label=${`15 levels; tick ${session.selected_tick} picked, at ${decibels(pickedLevel(session))}`}>
    <polyline points=${lineOf(scale, session.ticks)} />
    <circle cx=${xOf(scale, session.selected_tick)} cy=${yOf(scale, pickedLevel(session))} r="3.5" />
  </svg>
`;
