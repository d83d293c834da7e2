import { call } from "../api/call.js";
import { useMay } from "../api/caller.js";
import { decibels } from "../format.js";
import { useLoad } from "../hooks/load.js";
import { useNewer } from "../hooks/newer.js";
import { html } from "../html.js";
import { CopyButton, CurlButton } from "../parts/copy.js";
import { DeleteDialog } from "../parts/delete.js";
import { History } from "../parts/history.js";
import { Json } from "../parts/json.js";
import { Newer } from "../parts/newer.js";
import { say } from "../parts/notices.js";
import { Page } from "../parts/page.js";
import { Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { Tabs } from "../parts/tabs.js";
import { pickedLevel } from "../parts/tick-line.js";
import { TickPlot } from "../parts/tick-plot.js";
import { Ago } from "../parts/time.js";
import { go, pageAddress, useRoute } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { SessionDocument } from "./session-document.js";

/** @typedef {import("../api/types.js").Session} Session */

/** @param {{id: string}} props */
export function SessionPage({ id }) {
  const { query } = useRoute();
  const may = useMay();
  const path = `/v1/audios/${id}`;
  const session = useLoad(path, async (signal) => {
    // A list of this one has the place in the feed, from where changes are followed.
    const { data, headers } = await call("GET", "/v1/audios", { query: { ids: id }, signal, unlisted: true });
    const cursor = headers.get("Concha-Feed-Cursor") ?? "";
    return { session: /** @type {Session} */ (data.items[0] ?? (await call("GET", path, { signal })).data), cursor };
  });
  const shown = session.data?.session;
  const newer = useNewer(
    "audios",
    shown ? { subject: `audio/${id}`, version: shown.version, cursor: session.data?.cursor ?? "" } : null,
  );
  const above = html`<a href=${pageAddress("/sessions")}>Sessions</a>`;

  if (session.problem && !shown) {
    return html`
      <${Page} title=${`Session ${id}`} above=${above}>
        <${ProblemBox} problem=${session.problem} retry=${session.reload} />
        ${session.problem.status === 404 && html`<${History} path=${path} version=${0} />`}
      <//>
    `;
  }
  if (!shown) {
    return html`<${Skeleton} />`;
  }
  const tab = query.get("tab") ?? "";
  return html`
    <${Page} key=${id} title=${`Session ${id}`} above=${above}
      actions=${html`<${CurlButton} path=${path} />${may("audios:write") && html`<${Delete} session=${shown} reload=${session.reload} />`}`}>
      ${session.problem && html`<${ProblemBox} problem=${session.problem} />`}
      <${Newer} newer=${newer} reload=${session.reload} />
      <${Tabs} tabs=${[["", "Session"], ["document", "Document"], ["history", "History"], ["json", "JSON"]]} />
      ${tab === "" && html`<section class=${`card of-step-${shown.step_count}`} aria-label="Ticks"><${TickPlot} session=${shown} /></section><${Details} session=${shown} />`}
      ${tab === "document" && html`<${SessionDocument} session=${shown} />`}
      ${tab === "history" && html`<${History} path=${path} version=${newer?.version ?? shown.version} />`}
      ${tab === "json" && html`<${Json} value=${shown} label="The session as JSON" />`}
    <//>
  `;
}

/** @param {{session: Session, reload: () => void}} props */
function Delete({ session, reload }) {
  const [asking, setAsking] = useState(false);
  const id = session.session_id;
  return html`
    <button type="button" class="danger" onClick=${() => setAsking(true)}>Delete</button>
    ${
      asking &&
      html`
        <${DeleteDialog} title=${`Delete session ${id}?`} path=${`/v1/audios/${id}`} etag=${session.etag} reload=${reload} onClose=${() => setAsking(false)}
          onDeleted=${() => (say("Session deleted"), go(pageAddress("/sessions")))}>
          <p>Its document goes with it, and what its history says is erased. Its account stays.</p>
        <//>
      `
    }
  `;
}

/** @param {{session: Session}} props */
const Details = ({ session }) => html`
  <section class="card" aria-label="Details">
    <dl class="details across">
      <div><dt>Session</dt><dd><code>${session.session_id}</code> <${CopyButton} text=${String(session.session_id)} label="Copy the id" /></dd></div>
      <div>
        <dt>Account</dt>
        <dd>${session.account_id ? html`<a href=${pageAddress(`/accounts/${session.account_id}`)}><code>${session.account_id}</code></a>` : html`<em>none</em>`}</dd>
      </div>
      <div><dt>Step</dt><dd>${session.step_count} <a class="quiet" href=${pageAddress("/sessions", { step_count: session.step_count, view: "overlay" })}>compare</a></dd></div>
      <div><dt>Picked</dt><dd>Tick ${session.selected_tick}, ${decibels(pickedLevel(session))}</dd></div>
      <div><dt>Version</dt><dd>${session.version}</dd></div>
      <div><dt>Created</dt><dd><${Ago} at=${session.created_at} /></dd></div>
      <div><dt>Changed</dt><dd><${Ago} at=${session.updated_at} /></dd></div>
    </dl>
    ${
      session.account_id &&
      html`<p><a href=${pageAddress("/sessions", { account_id: session.account_id, view: "overlay" })}>Lay all sessions of this account over each other</a></p>`
    }
  </section>
`;
