import { html } from "../html.js";
import { useState } from "../vendor/hooks.js";
import { profileFields } from "./account-fields.js";

/** @typedef {import("../api/types.js").Account} Account */
/** @typedef {import("./account-fields.js").Profile} Profile */

/**
 * Both versions of an account that somebody else changed meanwhile, side by
 * side. One is chosen for each field.
 * @param {{base: Account, mine: Profile, theirs: Account, save: (profile: Profile) => void, cancel: () => void}} props
 *   base is what the changes of mine were made to
 */
export function AccountConflict({ base, mine, theirs, save, cancel }) {
  const [keepMine, setKeepMine] = useState(
    /** @type {Record<string, boolean>} */ (
      Object.fromEntries(profileFields.map(({ name }) => [name, mine[name] !== base[name]]))
    ),
  );
  const merged = /** @type {Profile} */ (
    Object.fromEntries(profileFields.map(({ name }) => [name, (keepMine[name] ? mine : theirs)[name]]))
  );
  const choice = (/** @type {keyof Profile} */ name, /** @type {boolean} */ isMine) => html`
    <label class=${keepMine[name] === isMine ? "choice chosen" : "choice"}>
      <input type="radio" name=${name} checked=${keepMine[name] === isMine} onChange=${() => setKeepMine((before) => ({ ...before, [name]: isMine }))} />
      <span dir="auto">${(isMine ? mine : theirs)[name] || html`<em>empty</em>`}</span>
    </label>
  `;
  return html`
    <section class="card conflict" aria-labelledby="conflict-title">
      <h2 id="conflict-title">This account was changed meanwhile</h2>
      <p>You began with version ${base.version}; it is at version ${theirs.version} now. Nothing was saved. Choose what to keep.</p>
      <div class="versions">
        <span></span><strong>Yours</strong><strong>Version ${theirs.version}</strong>
        ${profileFields.map(
          ({ name, label }) => html`
            <fieldset key=${name}>
              <legend>${label}</legend>
              ${
                mine[name] === theirs[name]
                  ? html`<span class="choice same" dir="auto">${mine[name] || html`<em>empty</em>`} <span class="quiet">in both</span></span>`
                  : html`${choice(name, true)}${choice(name, false)}`
              }
            </fieldset>
          `,
        )}
      </div>
      <div class="group end">
        <button type="button" onClick=${cancel}>Discard mine</button>
        <button type="button" class="primary" onClick=${() => save(merged)}>Save the chosen</button>
      </div>
    </section>
  `;
}
