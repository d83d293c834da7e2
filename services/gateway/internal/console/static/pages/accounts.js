import { useMay } from "../api/caller.js";
import { useLiveRows } from "../hooks/live-rows.js";
import { usePages, useTotal } from "../hooks/pages.js";
import { html } from "../html.js";
import { CurlButton } from "../parts/copy.js";
import { ExportButton } from "../parts/export.js";
import { FilterBar, filtersOf } from "../parts/filters.js";
import { Icon } from "../parts/icons.js";
import { LiveDot, NewRows } from "../parts/live.js";
import { Page } from "../parts/page.js";
import { Pager } from "../parts/pager.js";
import { Avatar } from "../parts/picture.js";
import { Empty, Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { Ago } from "../parts/time.js";
import { pageAddress, useRoute } from "../route.js";

/** @typedef {import("../api/types.js").Account} Account */

/** @type {import("../parts/filters.js").Filter[]} */
const filters = [
  { name: "name", label: "Name", hint: "The exact name" },
  { name: "email", label: "E-mail", hint: "The exact e-mail" },
  { name: "address", label: "Address", hint: "The exact address" },
  { name: "ids", label: "Id", isNumber: true, hint: "An id, or several with commas" },
];

/** @type {[string, string][]} */
const orders = [
  ["", "By id"],
  ["created_at desc", "Newest first"],
  ["created_at", "Oldest first"],
  ["updated_at desc", "Last changed first"],
];

export function Accounts() {
  const { query } = useRoute();
  const may = useMay();
  const chosen = filtersOf(filters, query);
  const pages = usePages("accounts", chosen, query);
  const total = useTotal("accounts", chosen, !pages.problem);
  const { rows, created, live } = useLiveRows(
    "accounts",
    pages.data,
    !pages.first,
    (account) => /** @type {Account} */ (account).id,
  );

  return html`
    <${Page}
      title="Accounts"
      actions=${html`
        <${LiveDot} live=${live} />
        <${CurlButton} path=${pages.path} />
        <${ExportButton} collection="accounts" filters=${chosen} total=${total.data?.exact ? total.data.count : null} />
        ${may("accounts:write") && html`<a class="button primary" href=${pageAddress("/accounts/new")}><${Icon} name="plus" />New account</a>`}
      `}
    >
      <${FilterBar} filters=${filters} orders=${orders} query=${query} />
      ${pages.problem && html`<${ProblemBox} problem=${pages.problem} retry=${pages.reload} />`}
      <${NewRows} created=${created} noun="account" reload=${() => (pages.reload(), total.reload())} />
      ${!pages.data && pages.loading && html`<${Skeleton} rows=${12} />`}
      ${pages.data && rows.length === 0 && html`<${NoAccounts} filtered=${Object.keys(chosen).length > 0} />`}
      ${rows.length > 0 && html`<${AccountTable} rows=${rows} busy=${pages.loading} />`}
      ${pages.data && html`<${Pager} pages=${pages} total=${total} noun="account" />`}
    <//>
  `;
}

/** @param {{filtered: boolean}} props */
const NoAccounts = ({ filtered }) =>
  filtered
    ? html`<${Empty} title="No account matches"><p>Filters compare whole values. Remove one to see more.</p><//>`
    : html`<${Empty} title="There are no accounts yet"><p>Create one here, or fill the system with samples: <code>concha demo</code></p><//>`;

/** @param {{rows: {id: string, item: Account, isNew: boolean, isGone: boolean}[], busy: boolean}} props */
const AccountTable = ({ rows, busy }) => html`
  <div class=${busy ? "table busy" : "table"} aria-busy=${busy}>
    <table>
      <thead>
        <tr>
          <th scope="col">Account</th>
          <th scope="col" class="wide">Address</th>
          <th scope="col" class="wider numeric">Id</th>
          <th scope="col" class="wider numeric">Version</th>
          <th scope="col" class="wide numeric">Changed</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ id, item, isNew, isGone }) => html`
            <tr key=${id} class=${isGone ? "gone" : isNew ? "fresh" : ""}>
              <td>
                <div class="who">
                  <${Avatar} account=${item} />
                  <div>
                    <a class="row-link" dir="auto" href=${pageAddress(`/accounts/${id}`)}>${item.name || "No name"}</a>
                    <span class="quiet clip">${item.email}</span>
                  </div>
                  ${isGone && html`<span class="badge">deleted</span>`}
                </div>
              </td>
              <td class="wide"><span class="clip" dir="auto" title=${item.address}>${item.address}</span></td>
              <td class="wider numeric"><code>${id}</code></td>
              <td class="wider numeric">${item.version}</td>
              <td class="wide numeric quiet"><${Ago} at=${item.updated_at} /></td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  </div>
`;
