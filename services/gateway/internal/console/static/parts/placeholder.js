import { html } from "../html.js";

/** What is shown in place of what there is none of. @param {{title: string, children?: unknown}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong>${children}</div>`;

/** The place of rows that are being loaded. @param {{rows?: number}} props */
export const Skeleton = ({ rows = 6 }) => html`
  <div class="skeleton" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, row) => html`<span key=${row}></span>`)}
  </div>
`;
