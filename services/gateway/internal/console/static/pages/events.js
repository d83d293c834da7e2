import { withQuery } from "../api/call.js";
import { before } from "../api/clock.js";
import { counted } from "../format.js";
import { useFeed } from "../hooks/feed.js";
import { useRecent } from "../hooks/recent.js";
import { html } from "../html.js";
import { CurlButton } from "../parts/copy.js";
import { EventRow } from "../parts/event-row.js";
import { verbOf } from "../parts/history.js";
import { Icon } from "../parts/icons.js";
import { LiveDot } from "../parts/live.js";
import { Page } from "../parts/page.js";
import { Empty } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { changeQuery, useRoute } from "../route.js";
import { useEffect, useId, useMemo, useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */

const kept = 500;
const lookBack = 10 * 60_000;

/**
 * Whether an event passes the filters of the address.
 * @param {ChangeEvent} event
 * @param {{type: string, subject: string}} filter
 */
const passes = (event, { type, subject }) =>
  (type === "" || verbOf(event) === type) &&
  (subject === "" || event.subject === subject || event.subject.endsWith(`/${subject}`));

export function Events() {
  const { query } = useRoute();
  const of = query.get("of") ?? "";
  const type = query.get("type") ?? "";
  const subject = query.get("subject") ?? "";
  const since = query.get("since") ?? "";
  const { events, add, paused, pause, waiting, clear } = useRecent(kept);
  // Other filters begin anew
  const start = useMemo(() => ({ since: since || before(lookBack) }), [since, of, type, subject]);
  // What was kept passed other filters
  useEffect(clear, [start]);
  const take = (/** @type {ChangeEvent[]} */ read) => {
    const passed = read.filter((event) => passes(event, { type, subject }));
    if (passed.length > 0) {
      add(passed);
    }
  };
  const accounts = useFeed("accounts", of === "audios" ? null : start, take);
  const audios = useFeed("audios", of === "accounts" ? null : start, take);
  const followed = [of !== "audios" && accounts, of !== "accounts" && audios].filter((state) => state !== false);
  const problem = followed.find((state) => state.problem)?.problem ?? null;

  return html`
    <${Page}
      title="Events"
      actions=${html`
        <${LiveDot} live=${followed.every((state) => state.live)} />
        <${CurlButton} path=${withQuery(`/v1/events/${of || "accounts"}`, { since: start.since })} headers=${[["Accept", "text/event-stream"]]} />
        <button type="button" aria-pressed=${paused} onClick=${() => pause(!paused)}><${Icon} name=${paused ? "play" : "pause"} />${paused ? "Resume" : "Pause"}</button>
      `}
    >
      <${EventFilters} of=${of} type=${type} subject=${subject} since=${since} />
      ${problem && html`<${ProblemBox} problem=${problem} />`}
      ${paused && html`<p class="newer" role="status">Paused. ${counted(waiting, "event")} came since.</p>`}
      ${
        events.length === 0
          ? html`<${Empty} title="No events"><p>${since ? "Nothing that matches has happened since." : "Nothing that matches has happened in the last 10 minutes."} Events appear here as they are committed.</p><//>`
          : html`<ol class="events" aria-label="Events, the newest first">${events.map((event) => html`<${EventRow} key=${event.id} event=${event} />`)}</ol>`
      }
      ${events.length === kept && html`<p class="quiet">The latest ${kept} are kept here. The feed has all of 90 days.</p>`}
    <//>
  `;
}

/** @param {{of: string, type: string, subject: string, since: string}} props */
function EventFilters({ of, type, subject, since }) {
  const id = useId();
  const [text, setText] = useState(subject);
  const select = (/** @type {string} */ name) => (/** @type {Event & {currentTarget: HTMLSelectElement}} */ event) =>
    changeQuery({ [name]: event.currentTarget.value });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    changeQuery({ subject: text.trim() });
  };
  const replay = (/** @type {Event & {currentTarget: HTMLInputElement}} */ event) => {
    const time = new Date(event.currentTarget.value);
    changeQuery({ since: Number.isNaN(time.getTime()) ? null : time.toISOString() });
  };
  return html`
    <div class="filters">
      <label><span class="quiet">Of</span>
        <select value=${of} onChange=${select("of")}>
          <option value="">Everything</option><option value="accounts">Accounts</option><option value="audios">Sessions</option>
        </select>
      </label>
      <label><span class="quiet">Type</span>
        <select value=${type} onChange=${select("type")}>
          <option value="">All</option><option value="created">Created</option><option value="updated">Updated</option><option value="deleted">Deleted</option>
        </select>
      </label>
      <form role="search" onSubmit=${submit}>
        <label class="offscreen" for=${id}>Subject</label>
        <input id=${id} type="search" placeholder="account/123 or an id" value=${text} onInput=${(/** @type {Event & {currentTarget: HTMLInputElement}} */ event) => setText(event.currentTarget.value)} />
        <button type="submit">Filter</button>
      </form>
      <label><span class="quiet">From</span>
        <input type="datetime-local" step="1" value=${since && localTime(since)} onChange=${replay} />
      </label>
      ${(of || type || subject || since) && html`<button type="button" onClick=${() => (setText(""), changeQuery({ of: null, type: null, subject: null, since: null }))}>Clear</button>`}
    </div>
  `;
}

/** A time as a field for times takes it, in the zone of the browser. @param {string} time */
function localTime(time) {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
