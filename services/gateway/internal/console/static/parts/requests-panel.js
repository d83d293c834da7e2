import { curl, requests } from "../api/requests.js";
import { useStore } from "../api/store.js";
import { duration, timeOfDay } from "../format.js";
import { html } from "../html.js";
import { CopyButton } from "./copy.js";
import { Dialog } from "./dialog.js";
import { Empty } from "./placeholder.js";

/** The latest requests of this tab, each to be copied. @param {{onClose: () => void}} props */
export function RequestsPanel({ onClose }) {
  const latest = useStore(requests);
  return html`
    <${Dialog} title="Requests of this tab" onClose=${onClose}>
      ${latest.length === 0 && html`<${Empty} title="None so far" />`}
      <ol class="requests">
        ${latest.map(
          (request) => html`
            <li key=${request.key}>
              <span class=${request.status >= 400 ? "badge deleted" : "badge"}>${request.status || "…"}</span>
              <code>${request.method} ${request.path}</code>
              <span class="quiet">${timeOfDay(new Date(request.started).toISOString())}${request.status > 0 && `, ${duration(request.milliseconds)}`}</span>
              <${CopyButton} icon="terminal" label="Copy as curl" text=${() => curl(request)} />
            </li>
          `,
        )}
      </ol>
      <div class="group end"><button type="button" onClick=${onClose}>Close</button></div>
    <//>
  `;
}
