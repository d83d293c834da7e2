import { call } from "../api/call.js";
import { caller, useMay } from "../api/caller.js";
import { useStore } from "../api/store.js";
import { duration, number } from "../format.js";
import { useActivity } from "../hooks/activity.js";
import { useLoad } from "../hooks/load.js";
import { useTotal } from "../hooks/pages.js";
import { html } from "../html.js";
import { EventRow } from "../parts/event-row.js";
import { LiveDot } from "../parts/live.js";
import { Page } from "../parts/page.js";
import { Empty } from "../parts/placeholder.js";
import { Rate } from "../parts/rate.js";
import { pageAddress } from "../route.js";

export function Overview() {
  const may = useMay();
  const activity = useActivity();
  return html`
    <${Page} title="Overview" actions=${activity.mayFollow && html`<${LiveDot} live=${activity.live} />`}>
      <div class="figures">
        ${may("accounts:read") && html`<${Total} collection="accounts" label="Accounts" page="/accounts" />`}
        ${may("audios:read") && html`<${Total} collection="audios" label="Sessions" page="/sessions" />`}
        ${
          activity.mayFollow &&
          html`
            <div class="figure"><span>Events a second</span><strong>${activity.perSecond.toFixed(activity.perSecond < 10 ? 1 : 0)}</strong></div>
            <div class="figure" title="The median time from the commit of an event to its arrival in this page"><span>From commit to here</span><strong>${activity.delay === null ? "–" : duration(activity.delay)}</strong></div>
          `
        }
      </div>
      <div class="columns">
        <div>
          ${activity.mayFollow && html`<${Activity} activity=${activity} />`}
        </div>
        <${SystemState} />
      </div>
    <//>
  `;
}

/** @param {{collection: "accounts" | "audios", label: string, page: string}} props */
function Total({ collection, label, page }) {
  const total = useTotal(collection, {});
  return html`
    <a class="figure" href=${pageAddress(page)}>
      <span>${label}</span>
      <strong>${total.data !== null ? `${number(total.data.count)}${total.data.exact ? "" : "+"}` : total.problem ? "–" : html`<span class="counting">counting…</span>`}</strong>
    </a>
  `;
}

/** @param {{activity: ReturnType<typeof useActivity>}} props */
const Activity = ({ activity }) => html`
  <section class="card" aria-labelledby="activity-title">
    <div class="card-head"><h2 id="activity-title">Activity</h2><a href=${pageAddress("/events")}>All events</a></div>
    <${Rate} bars=${activity.bars} />
    ${
      activity.bars.every((count) => count === 0)
        ? html`<${Empty} title="Nothing has happened in the last 5 minutes" />`
        : html`<ol class="events" aria-label="The latest events">${activity.events.map((event) => html`<${EventRow} key=${event.id} event=${event} />`)}</ol>`
    }
  </section>
`;

function SystemState() {
  const known = useStore(caller);
  const system = useLoad(
    "/",
    async (signal) => (await call("GET", "/", { headers: { Accept: "application/json" }, signal })).data,
  );
  const ready = useLoad("/readyz", async (signal) => (await call("GET", "/readyz", { signal })).data);
  const isOpen = known?.access !== "required";
  return html`
    <section class="card" aria-labelledby="system-title">
      <h2 id="system-title">System</h2>
      <dl class="details">
        <div>
          <dt>Health</dt>
          <dd>
            ${ready.data && !ready.problem && html`<span class="badge created">ready</span>`}
            ${
              ready.problem &&
              html`
                <span class="badge deleted">not ready</span>
                <ul>${ready.problem.errors.map(({ pointer, detail }) => html`<li key=${pointer}>${pointer}: ${detail}</li>`)}</ul>
              `
            }
          </dd>
        </div>
        <div><dt>Access</dt><dd>${isOpen ? html`<span class="badge warning">open</span> <span class="quiet">Requests need no credential.</span>` : html`<span class="badge created">restricted</span> <span class="quiet">${known?.id ?? "anonymous"}</span>`}</dd></div>
        <div><dt>Version</dt><dd><code>${system.data?.version ?? "–"}</code></dd></div>
        <div><dt>Address</dt><dd><code>${location.origin}</code></dd></div>
      </dl>
      <p><a href="/docs">API documentation</a></p>
    </section>
  `;
}
