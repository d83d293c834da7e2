import { call } from "../api/call.js";
import { useMay } from "../api/caller.js";
import { html } from "../html.js";
import { say } from "../parts/notices.js";
import { Page } from "../parts/page.js";
import { Empty } from "../parts/placeholder.js";
import { go, pageAddress } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { AccountFields } from "./account-fields.js";

/** A key that makes a request safe to send again. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function NewAccount() {
  const mayCreate = useMay()("accounts:write");
  const [key, setKey] = useState(randomKey);
  const save = async (/** @type {import("./account-fields.js").Profile} */ profile) => {
    try {
      const { data } = await call("POST", "/v1/accounts", { body: profile, headers: { "Idempotency-Key": key } });
      say("Account created");
      go(pageAddress(`/accounts/${data.id}`), { replace: true });
    } catch (error) {
      if (/** @type {{status?: number}} */ (error).status === 422) {
        setKey(randomKey()); // the first attempt came through: this is another account
      }
      throw error;
    }
  };
  return html`
    <${Page} title="New account" above=${html`<a href=${pageAddress("/accounts")}>Accounts</a>`}>
      ${mayCreate ? html`<${AccountFields} start=${{ name: "", email: "", address: "" }} action="Create" save=${save} cancel=${() => history.back()} />` : html`<${Empty} title="You may not create accounts">It needs the scope accounts:write.<//>`}
    <//>
  `;
}
