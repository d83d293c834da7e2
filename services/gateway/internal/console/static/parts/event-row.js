import { dateTime, timeOfDay } from "../format.js";
import { html } from "../html.js";
import { pageAddress } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { verbOf } from "./history.js";
import { Json } from "./json.js";

/** @typedef {import("../api/types.js").ChangeEvent} ChangeEvent */
/** @typedef {import("../api/types.js").EventData} EventData */

/** The page of the resource that an event tells of. @param {string} subject */
export function subjectAddress(subject) {
  const [kind, id] = subject.split("/");
  return pageAddress(`/${kind === "account" ? "accounts" : "sessions"}/${id}`, { tab: "history" });
}

/** An event on a line, folded. @param {{event: ChangeEvent}} props */
export function EventRow({ event }) {
  const [open, setOpen] = useState(false);
  const verb = verbOf(event);
  const data = /** @type {EventData} */ (event.data);
  const fields = verb === "updated" ? (data.changed_fields ?? []).filter((name) => name !== "version") : [];
  return html`
    <li class=${data.redacted ? "event erased" : "event"}>
      <details onToggle=${(/** @type {Event & {currentTarget: HTMLDetailsElement}} */ toggle) => setOpen(toggle.currentTarget.open)}>
        <summary>
          <time dateTime=${event.time} title=${dateTime(event.time)}>${timeOfDay(event.time)}</time>
          <span class=${`badge ${verb}`}>${verb}</span>
          <span class="subject">${event.subject}</span>
          <span class="quiet">version ${event.resourceversion}</span>
          <span class="quiet clip">${data.redacted ? "erased" : fields.join(", ")}</span>
        </summary>
        ${open && html`<p><a href=${subjectAddress(event.subject)}>History of ${event.subject}</a></p><${Json} value=${event} label=${`Event ${event.id}`} />`}
      </details>
    </li>
  `;
}
