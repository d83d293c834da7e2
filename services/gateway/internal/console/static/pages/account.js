import { call } from "../api/call.js";
import { useMay } from "../api/caller.js";
import { counted } from "../format.js";
import { useLoad } from "../hooks/load.js";
import { useNewer } from "../hooks/newer.js";
import { useTotal } from "../hooks/pages.js";
import { html } from "../html.js";
import { CopyButton, CurlButton } from "../parts/copy.js";
import { DeleteDialog } from "../parts/delete.js";
import { History } from "../parts/history.js";
import { Json } from "../parts/json.js";
import { Newer } from "../parts/newer.js";
import { say } from "../parts/notices.js";
import { Page } from "../parts/page.js";
import { Avatar } from "../parts/picture.js";
import { Skeleton } from "../parts/placeholder.js";
import { ProblemBox } from "../parts/problem.js";
import { Tabs } from "../parts/tabs.js";
import { Ago } from "../parts/time.js";
import { go, pageAddress, useRoute } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { AccountEdit } from "./account-edit.js";
import { AccountImage } from "./account-image.js";
import { AccountSessions } from "./account-sessions.js";

/** @typedef {import("../api/types.js").Account} Account */

/** @param {{id: string}} props */
export function AccountPage({ id }) {
  const { query } = useRoute();
  const may = useMay();
  const path = `/v1/accounts/${id}`;
  const account = useLoad(path, async (signal) => {
    // A list of this one has the place in the feed, from where changes are followed.
    const { data, headers } = await call("GET", "/v1/accounts", { query: { ids: id }, signal, unlisted: true });
    const cursor = headers.get("Concha-Feed-Cursor") ?? "";
    return { account: /** @type {Account} */ (data.items[0] ?? (await call("GET", path, { signal })).data), cursor };
  });
  const shown = account.data?.account;
  const newer = useNewer(
    "accounts",
    shown ? { subject: `account/${id}`, version: shown.version, cursor: account.data?.cursor ?? "" } : null,
  );
  const change = (/** @type {Account} */ now) => account.replace({ account: now, cursor: account.data?.cursor ?? "" });
  const above = html`<a href=${pageAddress("/accounts")}>Accounts</a>`;

  if (account.problem && !shown) {
    return html`
      <${Page} title=${`Account ${id}`} above=${above}>
        <${ProblemBox} problem=${account.problem} retry=${account.reload} />
        ${account.problem.status === 404 && html`<${History} path=${path} version=${0} />`}
      <//>
    `;
  }
  if (!shown) {
    return html`<${Skeleton} />`;
  }
  const tab = query.get("tab") ?? "";
  return html`
    <${Page} key=${id} title=${html`<${Avatar} account=${shown} />${shown.name || "No name"}`} name=${shown.name || `Account ${id}`} above=${above}
      actions=${html`<${CurlButton} path=${path} /><${Actions} account=${shown} mayWrite=${may("accounts:write")} reload=${account.reload} />`}>
      ${account.problem && html`<${ProblemBox} problem=${account.problem} />`}
      <${Newer} newer=${newer} reload=${account.reload} />
      <${Tabs} tabs=${[["", "Account"], ...(may("audios:read") ? [["sessions", "Sessions"]] : []), ["history", "History"], ["json", "JSON"]]} />
      ${
        tab === "" &&
        html`
          <div class="columns">
            ${query.get("edit") && may("accounts:write") ? html`<${AccountEdit} key=${shown.version} account=${shown} onChange=${change} />` : html`<${Details} account=${shown} />`}
            <${AccountImage} account=${shown} mayWrite=${may("accounts:write")} onChange=${change} reload=${account.reload} />
          </div>
        `
      }
      ${tab === "sessions" && html`<${AccountSessions} id=${id} />`}
      ${tab === "history" && html`<${History} path=${path} version=${newer?.version ?? shown.version} />`}
      ${tab === "json" && html`<${Json} value=${shown} label="The account as JSON" />`}
    <//>
  `;
}

/** @param {{account: Account, mayWrite: boolean, reload: () => void}} props */
function Actions({ account, mayWrite, reload }) {
  const [asking, setAsking] = useState(false);
  const may = useMay();
  const sessions = useTotal("audios", { account_id: String(account.id) }, asking && may("audios:read"));
  if (!mayWrite) {
    return null;
  }
  const path = `/v1/accounts/${account.id}`;
  return html`
    <a class="button" href=${pageAddress(`/accounts/${account.id}`, { edit: 1 })}>Edit</a>
    <button type="button" class="danger" onClick=${() => setAsking(true)}>Delete</button>
    ${
      asking &&
      html`
        <${DeleteDialog} title=${`Delete ${account.name || "this account"}?`} path=${path} etag=${account.etag} reload=${reload} onClose=${() => setAsking(false)}
          onDeleted=${() => (say("Account deleted"), go(pageAddress("/accounts")))}>
          <p>
            Its image goes with it, and soon after ${sessions.data === null ? "all its sessions" : sessions.data.count === 0 ? "its sessions, of which there are none," : `its ${sessions.data.exact ? "" : "at least "}${counted(sessions.data.count, "session")}`} with
            their documents. What its history says is erased.
          </p>
        <//>
      `
    }
  `;
}

/** @param {{account: Account}} props */
const Details = ({ account }) => html`
  <section class="card" aria-label="Details">
    <dl class="details">
      <div><dt>Name</dt><dd dir="auto">${account.name || html`<em>empty</em>`}</dd></div>
      <div><dt>E-mail</dt><dd>${account.email} <${CopyButton} text=${account.email} label="Copy the e-mail" /></dd></div>
      <div><dt>Address</dt><dd dir="auto">${account.address || html`<em>empty</em>`}</dd></div>
      <div><dt>Id</dt><dd><code>${account.id}</code> <${CopyButton} text=${String(account.id)} label="Copy the id" /></dd></div>
      <div><dt>Version</dt><dd>${account.version}</dd></div>
      <div><dt>Created</dt><dd><${Ago} at=${account.created_at} /></dd></div>
      <div><dt>Changed</dt><dd><${Ago} at=${account.updated_at} /></dd></div>
    </dl>
  </section>
`;
