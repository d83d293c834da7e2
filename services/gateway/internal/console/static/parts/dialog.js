import { html } from "../html.js";
import { useEffect, useId, useRef } from "../vendor/hooks.js";

/**
 * A modal dialog. Escape closes it, and the focus returns to where it was.
 * @param {{title: string, onClose: () => void, children?: unknown}} props
 */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const label = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return html`
    <dialog ref=${dialog} aria-labelledby=${label} onClose=${onClose}>
      <h2 id=${label}>${title}</h2>
      ${children}
    </dialog>
  `;
}
