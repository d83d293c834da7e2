import { useMay } from "../api/caller.js";
import { usePages, useTotal } from "../hooks/pages.js";
import { html } from "../html.js";
import { Pager } from "../parts/pager.js";
import { Empty, Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { pageAddress, useRoute } from "../route.js";
import { SessionTable } from "./session-table.js";
import { SessionUpload } from "./session-upload.js";

/** @typedef {import("../api/types.js").Session} Session */

/** The sessions of an account. @param {{id: string}} props */
export function AccountSessions({ id }) {
  const { query } = useRoute();
  const may = useMay();
  const filters = { account_id: id };
  const pages = usePages("audios", filters, query);
  const total = useTotal("audios", filters);
  const rows = (pages.data?.items ?? []).map((/** @type {Session} */ item) => ({
    id: String(item.session_id),
    item,
    isNew: false,
    isGone: false,
  }));
  return html`
    ${pages.problem && html`<${ProblemBox} problem=${pages.problem} retry=${pages.reload} />`}
    ${!pages.data && pages.loading && html`<${Skeleton} />`}
    ${pages.data && rows.length === 0 && html`<${Empty} title="This account has no sessions"><p>Upload a document that names it as its account.</p><//>`}
    ${
      rows.length > 0 &&
      html`
        <p><a href=${pageAddress("/sessions", { account_id: id, view: "overlay" })}>Lay them over each other</a></p>
        <${SessionTable} rows=${rows} busy=${pages.loading} hideAccount=${true} />
        <${Pager} pages=${pages} total=${total} noun="session" />
      `
    }
    ${may("audios:write") && html`<${SessionUpload} onStored=${() => (pages.reload(), total.reload())} />`}
  `;
}
