import { Problem } from "../api/problem.js";
import { upload } from "../api/upload.js";
import { html } from "../html.js";
import { DropZone } from "../parts/drop.js";
import { ProblemBox } from "../parts/problem.js";
import { pageAddress } from "../route.js";
import { useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").Session} Session */
/** @typedef {{name: string, share: number, session: Session | null, problem: Problem | null}} Transfer */

/**
 * Stores documents as sessions, one after the other, byte for byte.
 * @param {{onStored: () => void}} props
 */
export function SessionUpload({ onStored }) {
  const [transfers, setTransfers] = useState(/** @type {Transfer[]} */ ([]));
  const isBusy = transfers.some(({ session, problem }) => !session && !problem);

  const store = async (/** @type {File[]} */ files) => {
    setTransfers(files.map(({ name }) => ({ name, share: 0, session: null, problem: null })));
    for (const [place, file] of files.entries()) {
      const note = (/** @type {Partial<Transfer>} */ change) =>
        setTransfers((before) =>
          before.map((transfer, other) => (other === place ? { ...transfer, ...change } : transfer)),
        );
      try {
        const headers = { "Content-Type": "application/json" };
        note({
          session: await upload("POST", "/v1/audios", { file, headers, onProgress: (share) => note({ share }) }),
        });
      } catch (error) {
        if (!(error instanceof Problem)) {
          throw error;
        }
        note({ problem: error });
      }
    }
    onStored();
  };

  return html`
    <section class="card" aria-labelledby="upload-title">
      <h2 id="upload-title">Upload sessions</h2>
      <${DropZone} label="Choose documents" hint="or drop them here: .json files, one session in each." accept=".json,application/json" multiple busy=${isBusy} onFiles=${store} />
      <ul class="transfers">
        ${transfers.map(
          ({ name, share, session, problem }) => html`
            <li key=${name}>
              <span dir="auto">${name}</span>
              ${session && html`<span class="badge created">stored</span> <a href=${pageAddress(`/sessions/${session.session_id}`)}>Session ${session.session_id}</a>`}
              ${!session && !problem && html`<progress aria-label=${name} max="1" value=${share}></progress>`}
              ${problem && html`<${ProblemBox} problem=${problem} />`}
            </li>
          `,
        )}
      </ul>
    </section>
  `;
}
