import { call } from "../api/call.js";
import { Problem } from "../api/problem.js";
import { html } from "../html.js";
import { say } from "../parts/notices.js";
import { ProblemBox } from "../parts/problem.js";
import { changeQuery } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { AccountConflict } from "./account-conflict.js";
import { AccountFields } from "./account-fields.js";

/** @typedef {import("../api/types.js").Account} Account */
/** @typedef {import("./account-fields.js").Profile} Profile */

/**
 * Changes an account, if nobody else has meanwhile; else shows both versions.
 * @param {{account: Account, onChange: (account: Account) => void}} props
 */
export function AccountEdit({ account, onChange }) {
  const [base, setBase] = useState(account);
  const [late, setLate] = useState(/** @type {{mine: Profile, theirs: Account} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const path = `/v1/accounts/${account.id}`;
  const leave = () => changeQuery({ edit: null }, { replace: true });

  const save = async (/** @type {Profile} */ profile, /** @type {Account} */ over) => {
    const { data } = await call("PUT", path, { body: profile, headers: { "If-Match": over.etag } });
    say(data.version === over.version ? "Nothing was different" : "Account saved");
    leave();
    onChange(data);
  };
  const attempt = async (/** @type {() => Promise<void>} */ action) => {
    setProblem(null);
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      setProblem(error);
    }
  };
  const compare = (/** @type {Profile} */ mine) =>
    attempt(async () => setLate({ mine, theirs: (await call("GET", path)).data }));
  const settle = (/** @type {Profile} */ merged, /** @type {Account} */ theirs) =>
    attempt(async () => {
      try {
        await save(merged, theirs);
      } catch (error) {
        if (!(error instanceof Problem && error.status === 412)) {
          throw error;
        }
        setBase(theirs);
        await compare(merged); // it was changed once more
      }
    });

  const box = problem && html`<${ProblemBox} problem=${problem} />`;
  if (late) {
    return html`
      <div>
        ${box}
        <${AccountConflict} key=${late.theirs.version} base=${base} mine=${late.mine} theirs=${late.theirs}
          save=${(/** @type {Profile} */ merged) => settle(merged, late.theirs)} cancel=${() => (leave(), onChange(late.theirs))} />
      </div>
    `;
  }
  const { name, email, address } = account;
  return html`
    <div>
      ${box}
      <${AccountFields} start=${{ name, email, address }} action="Save" save=${(/** @type {Profile} */ profile) => save(profile, base)} cancel=${leave} onLate=${compare} />
    </div>
  `;
}
