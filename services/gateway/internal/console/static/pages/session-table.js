import { decibels } from "../format.js";
import { html } from "../html.js";
import { pickedLevel, TickLine } from "../parts/tick-line.js";
import { Ago } from "../parts/time.js";
import { pageAddress } from "../route.js";

/** @typedef {import("../api/types.js").Session} Session */

/**
 * Sessions, each with its ticks as a small picture. Rows can point at their
 * lines in an overlay.
 * @param {{rows: {id: string, item: Session, isNew: boolean, isGone: boolean}[], busy: boolean, hideAccount?: boolean, lifted?: number | null, onLift?: (id: number | null) => void}} props
 */
export const SessionTable = ({ rows, busy, hideAccount = false, lifted = null, onLift = () => {} }) => html`
  <div class=${busy ? "table busy" : "table"} aria-busy=${busy}>
    <table>
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">Ticks</th>
          <th scope="col" class="numeric">Step</th>
          <th scope="col" class="wide numeric">Picked</th>
          ${!hideAccount && html`<th scope="col" class="wider numeric">Account</th>`}
          <th scope="col" class="wider numeric">Version</th>
          <th scope="col" class="wide numeric">Changed</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ id, item, isNew, isGone }) => html`
            <tr key=${id} class=${[isGone && "gone", isNew && "fresh", lifted === item.session_id && "lifted"].filter(Boolean).join(" ")}
              onMouseEnter=${() => onLift(item.session_id)} onMouseLeave=${() => onLift(null)} onFocusIn=${() => onLift(item.session_id)} onFocusOut=${() => onLift(null)}>
              <td><a class="row-link" href=${pageAddress(`/sessions/${id}`)}>${id}</a>${isGone && html` <span class="badge">deleted</span>`}</td>
              <td class=${`of-step-${item.step_count}`}><${TickLine} session=${item} /></td>
              <td class="numeric">${item.step_count}</td>
              <td class="wide numeric">${item.selected_tick} <span class="quiet">at ${decibels(pickedLevel(item))}</span></td>
              ${
                !hideAccount &&
                html`<td class="wider numeric">${item.account_id ? html`<a href=${pageAddress(`/accounts/${item.account_id}`)}><code>${item.account_id}</code></a>` : html`<span class="quiet">none</span>`}</td>`
              }
              <td class="wider numeric">${item.version}</td>
              <td class="wide numeric quiet"><${Ago} at=${item.updated_at} /></td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  </div>
`;
