import { useMay } from "../api/caller.js";
import { useLiveRows } from "../hooks/live-rows.js";
import { usePages, useTotal } from "../hooks/pages.js";
import { html } from "../html.js";
import { CurlButton } from "../parts/copy.js";
import { ExportButton } from "../parts/export.js";
import { FilterBar, filtersOf } from "../parts/filters.js";
import { LiveDot, NewRows } from "../parts/live.js";
import { Overlay } from "../parts/overlay.js";
import { Page } from "../parts/page.js";
import { Pager } from "../parts/pager.js";
import { Empty, Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { changeQuery, useRoute } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { SessionTable } from "./session-table.js";
import { SessionUpload } from "./session-upload.js";

/** @typedef {import("../api/types.js").Session} Session */

/** @type {import("../parts/filters.js").Filter[]} */
const filters = [
  { name: "session_id", label: "Session", range: true, isNumber: true, hint: "An id" },
  { name: "account_id", label: "Account", range: true, isNumber: true, hint: "An id" },
  { name: "step_count", label: "Step", range: true, isNumber: true, hint: "0 to 9" },
  { name: "selected_tick", label: "Picked tick", range: true, isNumber: true, hint: "0 to 14" },
  { name: "ids", label: "Sessions", isNumber: true, hint: "Ids with commas" },
];

/** @type {[string, string][]} */
const orders = [
  ["", "By session id"],
  ["created_at desc", "Newest first"],
  ["created_at", "Oldest first"],
  ["updated_at desc", "Last changed first"],
];

export function Sessions() {
  const { query } = useRoute();
  const may = useMay();
  const [lifted, setLifted] = useState(/** @type {number | null} */ (null));
  const chosen = filtersOf(filters, query);
  const pages = usePages("audios", chosen, query);
  const total = useTotal("audios", chosen, !pages.problem);
  const { rows, created, live } = useLiveRows(
    "audios",
    pages.data,
    !pages.first,
    (session) => /** @type {Session} */ (session).session_id,
  );
  const reload = () => (pages.reload(), total.reload());
  const isOverlay = query.get("view") === "overlay";

  return html`
    <${Page}
      title="Sessions"
      actions=${html`
        <${LiveDot} live=${live} />
        <${CurlButton} path=${pages.path} />
        <${ExportButton} collection="audios" filters=${chosen} total=${total.data?.exact ? total.data.count : null} />
      `}
    >
      <${FilterBar} filters=${filters} orders=${orders} query=${query}>
        <div class="segments" role="group" aria-label="View">
          <button type="button" aria-pressed=${!isOverlay} onClick=${() => changeQuery({ view: null }, { replace: true, state: history.state })}>Rows</button>
          <button type="button" aria-pressed=${isOverlay} onClick=${() => changeQuery({ view: "overlay" }, { replace: true, state: history.state })}>Overlay</button>
        </div>
      <//>
      ${pages.problem && html`<${ProblemBox} problem=${pages.problem} retry=${pages.reload} />`}
      <${NewRows} created=${created} noun="session" reload=${reload} />
      ${!pages.data && pages.loading && html`<${Skeleton} rows=${12} />`}
      ${pages.data && rows.length === 0 && html`<${NoSessions} filtered=${Object.keys(chosen).length > 0} />`}
      ${isOverlay && rows.length > 0 && html`<section class="card" aria-label="Overlay"><${Overlay} sessions=${rows.map(({ item }) => item)} lifted=${lifted} onLift=${setLifted} /></section>`}
      ${rows.length > 0 && html`<${SessionTable} rows=${rows} busy=${pages.loading} lifted=${lifted} onLift=${isOverlay ? setLifted : undefined} />`}
      ${pages.data && html`<${Pager} pages=${pages} total=${total} noun="session" />`}
      ${may("audios:write") && html`<${SessionUpload} onStored=${reload} />`}
    <//>
  `;
}

/** @param {{filtered: boolean}} props */
const NoSessions = ({ filtered }) =>
  filtered
    ? html`<${Empty} title="No session matches"><p>Remove a filter to see more.</p><//>`
    : html`<${Empty} title="There are no sessions yet"><p>Upload a document below, or fill the system with samples: <code>concha demo</code></p><//>`;
