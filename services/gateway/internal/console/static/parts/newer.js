import { html } from "../html.js";

/**
 * Says that somebody else changed what is shown.
 * @param {{newer: {version: number, isGone: boolean} | null, reload: () => void}} props
 */
export function Newer({ newer, reload }) {
  if (!newer) {
    return null;
  }
  return html`
    <div class="newer" role="status">
      <span>${newer.isGone ? "This was deleted meanwhile." : `This was changed meanwhile: it is at version ${newer.version}.`}</span>
      <button type="button" class="small" onClick=${reload}>${newer.isGone ? "Show what is left" : "Show it"}</button>
    </div>
  `;
}
