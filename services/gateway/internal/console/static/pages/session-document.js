import { open } from "../api/call.js";
import { bytes } from "../format.js";
import { useLoad } from "../hooks/load.js";
import { html } from "../html.js";
import { CopyButton, CurlButton } from "../parts/copy.js";
import { Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";

const longestShown = 64 << 10;

/** The document of a session, as it was sent. @param {{session: import("../api/types.js").Session}} props */
export function SessionDocument({ session }) {
  const path = `/v1/audios/${session.session_id}/file`;
  const file = useLoad(
    `${path} ${session.version}`,
    async (signal) => await (await open("GET", path, { signal })).text(),
  );
  const text = file.data ?? "";
  return html`
    <section class="card" aria-labelledby="document-title">
      <div class="card-head">
        <h2 id="document-title">The document as it was sent</h2>
        <${CurlButton} path=${path} />
      </div>
      ${file.problem && html`<${ProblemBox} problem=${file.problem} retry=${file.reload} />`}
      ${!file.data && file.loading && html`<${Skeleton} rows=${3} />`}
      ${
        file.data !== null &&
        html`
          <div class="json">
            <${CopyButton} text=${text} label="Copy the document" />
            <pre tabIndex="0" role="region" aria-label="The document">${text.slice(0, longestShown)}</pre>
          </div>
          <p class="quiet">${bytes(new Blob([text]).size)}${text.length > longestShown && ", of which the beginning is shown"}</p>
        `
      }
    </section>
  `;
}
