import { call } from "../api/call.js";
import { useLoad } from "../hooks/load.js";
import { html } from "../html.js";
import { useState } from "../vendor/hooks.js";
import { CurlButton } from "./copy.js";
import { Diff, differences } from "./diff.js";
import { Json } from "./json.js";
import { Skeleton } from "./placeholder.js";
import { ProblemBox } from "./problem.js";
import { Ago } from "./time.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */
/** @typedef {import("../api/types.js").EventData} EventData */

const limit = 100;

/**
 * The versions of a resource, each as what it changed, also after its deletion.
 * @param {{path: string, version: number}} props
 *   path is that of the resource; another version asks for the history again
 */
export function History({ path, version }) {
  const [shown, setShown] = useState(limit);
  const at = `${path}/events`;
  const history = useLoad(`${at} ${version} ${shown}`, async (signal) => {
    /** @type {ChangeEvent[]} */
    const events = [];
    for (let more = true; more && events.length < shown; ) {
      const after = events.at(-1)?.resourceversion ?? 0;
      const { data } = await call("GET", at, { query: { after_version: after, limit }, signal });
      events.push(.../** @type {ChangeEvent[]} */ (data));
      more = /** @type {ChangeEvent[]} */ (data).length === limit;
    }
    return events;
  });
  const events = history.data ?? [];
  return html`
    <section class="card" aria-labelledby="history-title">
      <div class="card-head">
        <h2 id="history-title">History</h2>
        <${CurlButton} path=${at} />
      </div>
      ${history.problem && html`<${ProblemBox} problem=${history.problem} retry=${history.reload} />`}
      ${!history.data && history.loading && html`<${Skeleton} rows=${3} />`}
      <ol class="history">
        ${events.map((event, place) => html`<${Version} key=${event.id} event=${event} before=${events[place - 1]} />`)}
      </ol>
      ${events.length === shown && html`<button type="button" disabled=${history.loading} onClick=${() => setShown(shown + limit)}>Later versions</button>`}
    </section>
  `;
}

/** The last segment but one of a type, as in "updated". @param {ChangeEvent} event */
export const verbOf = (event) => event.type.split(".")[2] ?? event.type;

/** @param {{event: ChangeEvent, before: ChangeEvent | undefined}} props */
function Version({ event, before }) {
  const verb = verbOf(event);
  const data = /** @type {EventData} */ (event.data);
  const earlier = /** @type {EventData | undefined} */ (before?.data)?.resource;
  const isFirst = verb === "created" || !before;
  return html`
    <li class=${data.redacted ? "erased" : ""}>
      <p class="group">
        <span class=${`badge ${verb}`}>${verb}</span> <strong>Version ${event.resourceversion}</strong>
        <span class="quiet"><${Ago} at=${event.time} /></span>
      </p>
      ${data.redacted && html`<p class="quiet">Erased: the resource was deleted later.</p>`}
      ${data.resource && html`<${Diff} changes=${differences(isFirst ? {} : (earlier ?? {}), data.resource)} />`}
      <details>
        <summary>JSON</summary>
        <${Json} value=${event} label=${`Event ${event.id}`} />
      </details>
    </li>
  `;
}
