import { html } from "../html.js";

/** The strokes of each icon, in a square of 24. */
const strokes = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  accounts: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.500 20.500c.8-4 3.700-5.500 7.500-5.500s6.700 1.500 7.500 5.500",
  sessions: "M3 12h2l2-5 3 11 3-15 3 13 2-4h3",
  events: "M13 2 4.500 13.500H11L10 22l8.500-11.500H13z",
  docs: "M5 4h10l4 4v12H5zM9 12h6M9 16h6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "m5 12.500 4.500 4.500L19 7.500",
  terminal: "m5 7 5 5-5 5M12 18h7",
  next: "m9 5 7 7-7 7",
  previous: "m15 5-7 7 7 7",
  close: "m6 6 12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  upload: "M12 16V4M7 9l5-5 5 5M4 17v3h16v-3",
  download: "M12 4v12M7 11l5 5 5-5M4 20h16",
  theme: "M12 3a9 9 0 1 0 9 9c-4 2-9-1-9-9",
  leave: "M15 4h5v16h-5M10 8l-4 4 4 4M6 12h10",
  warning: "M12 4 2.500 20h19zM12 10v4M12 17v.5",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.500v15l12-7.500z",
};

/** @typedef {keyof typeof strokes} IconName */

/** A picture beside a text, which says the same to those who do not see it. @param {{name: IconName}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${strokes[name]} /></svg>`;
