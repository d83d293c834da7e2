import { counted, number } from "../format.js";
import { html } from "../html.js";
import { changeQuery } from "../route.js";
import { Icon } from "./icons.js";

/**
 * What leads to the other pages of a list, and says how many rows there are.
 * @param {{pages: ReturnType<typeof import("../hooks/pages.js").usePages>, total: import("../hooks/load.js").Loaded<import("../hooks/pages.js").Total>, noun: string}} props
 */
export function Pager({ pages, total, noun }) {
  const onSize = (/** @type {Event & {currentTarget: HTMLSelectElement}} */ event) =>
    changeQuery({ page_size: event.currentTarget.value, page_token: null });
  return html`
    <nav class="pager" aria-label="Pages">
      <p class="quiet">
        ${pages.number !== null && html`Page ${number(pages.number)} · `}
        <${TotalCount} total=${total} noun=${noun} />
      </p>
      <label class="quiet">
        <span>Rows</span>
        <select value=${pages.size} onChange=${onSize}>
          ${[...new Set(["20", "50", "100", "500", pages.size])].map((size) => html`<option key=${size} value=${size}>${size}</option>`)}
        </select>
      </label>
      <div class="group">
        <button type="button" disabled=${!pages.first} onClick=${pages.first}>First</button>
        <button type="button" disabled=${!pages.previous} onClick=${pages.previous}><${Icon} name="previous" />Previous</button>
        <button type="button" disabled=${!pages.next} onClick=${pages.next}>Next<${Icon} name="next" /></button>
      </div>
    </nav>
  `;
}

/** @param {{total: import("../hooks/load.js").Loaded<import("../hooks/pages.js").Total>, noun: string}} props */
function TotalCount({ total, noun }) {
  if (total.problem) {
    return html`<span title=${total.problem.title}>not counted</span> <button type="button" class="small" onClick=${total.reload}>Count</button>`;
  }
  return total.loading || total.data === null
    ? html`<span class="counting">counting…</span>`
    : html`${total.data.exact ? "" : "at least "}${counted(total.data.count, noun)}`;
}
