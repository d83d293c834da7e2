import { call } from "../api/call.js";
import { Problem } from "../api/problem.js";
import { html } from "../html.js";
import { useState } from "../vendor/hooks.js";
import { Dialog } from "./dialog.js";
import { ProblemBox } from "./problem.js";

/**
 * Asks before a resource is deleted, and deletes it at the version that was
 * shown.
 * @param {{title: string, path: string, etag: string, onDeleted: () => void, onClose: () => void, reload: () => void, children?: unknown}} props
 */
export function DeleteDialog({ title, path, etag, onDeleted, onClose, reload, children }) {
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await call("DELETE", path, { headers: { "If-Match": etag } });
      onDeleted();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      setProblem(error);
      setBusy(false);
    }
  };
  const isLate = problem?.status === 412;
  return html`
    <${Dialog} title=${title} onClose=${onClose}>
      ${problem && html`<${ProblemBox} problem=${problem}>${isLate && html`<p>It was changed since this page showed it. Nothing was deleted.</p>`}<//>`}
      ${children}
      <p><strong>There is no undo.</strong></p>
      <div class="group end">
        <button type="button" onClick=${onClose}>Keep it</button>
        ${
          isLate
            ? html`<button type="button" onClick=${() => (onClose(), reload())}>Show what it is now</button>`
            : html`<button type="button" class="danger" disabled=${busy} onClick=${remove}>${busy ? "Deleting…" : "Delete"}</button>`
        }
      </div>
    <//>
  `;
}
