import { Problem } from "../api/problem.js";
import { html } from "../html.js";
import { Field } from "../parts/field.js";
import { ProblemBox } from "../parts/problem.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";

/** @typedef {{name: string, email: string, address: string}} Profile */

/** @type {{name: keyof Profile, label: string, hint?: string, type?: string}[]} */
export const profileFields = [
  { name: "name", label: "Name" },
  { name: "email", label: "E-mail", hint: "Unique among all accounts." },
  { name: "address", label: "Address" },
];

/**
 * The fields of an account, with what the API says is wrong beside each.
 * @param {{start: Profile, action: string, save: (profile: Profile) => Promise<void>, cancel: () => void, onLate?: (mine: Profile) => void}} props
 *   save fails with a Problem; onLate is called if it came too late (412)
 */
export function AccountFields({ start, action, save, cancel, onLate }) {
  const [profile, setProfile] = useState(start);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => {
    const field = form.current?.querySelector('[aria-invalid="true"]');
    if (problem && field instanceof HTMLElement) {
      field.focus();
    }
  }, [problem]);

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await save(profile);
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      if (error.status === 412 && onLate) {
        onLate(profile);
        return;
      }
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const faultsOf = (/** @type {keyof Profile} */ name) =>
    (problem?.errors ?? []).filter(({ pointer }) => pointer === `/${name}`).map(({ detail }) => detail);
  const isTaken = problem?.name === "already-exists";

  return html`
    <form class="card form" ref=${form} onSubmit=${submit} noValidate>
      ${problem && html`<${ProblemBox} problem=${problem} shown=${profileFields.map(({ name }) => `/${name}`)} />`}
      ${profileFields.map(
        ({ name, label, hint }) => html`
          <${Field} key=${name} label=${label} name=${name} hint=${hint} value=${profile[name]}
            faults=${name === "email" && isTaken ? ["is taken by another account"] : faultsOf(name)}
            onInput=${(/** @type {string} */ value) => setProfile((before) => ({ ...before, [name]: value }))} />
        `,
      )}
      <div class="group end">
        <button type="button" onClick=${cancel}>Cancel</button>
        <button type="submit" class="primary" disabled=${busy}>${busy ? "Saving…" : action}</button>
      </div>
    </form>
  `;
}
