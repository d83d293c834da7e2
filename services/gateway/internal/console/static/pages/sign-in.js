import { loadCaller } from "../api/caller.js";
import { credential, mustSignIn, signIn } from "../api/credential.js";
import { Problem } from "../api/problem.js";
import { html } from "../html.js";
import { Field } from "../parts/field.js";
import { Page } from "../parts/page.js";
import { ProblemBox } from "../parts/problem.js";
import { useState } from "../vendor/hooks.js";

/** Asks for a credential, and tries it before it is kept. */
export function SignIn() {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const before = credential.value;
    setProblem(null);
    credential.set(text.trim());
    try {
      await loadCaller();
      signIn(text.trim());
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      credential.set(before);
      mustSignIn.set(true);
      setProblem(error);
    }
  };
  return html`
    <div class="sign-in">
      <${Page} title="Sign in">
        <form class="card form" onSubmit=${submit}>
          <p>This API needs a credential. It is kept for this tab alone, until the tab is closed.</p>
          ${problem && html`<${ProblemBox} problem=${problem} />`}
          <${Field} label="API key or token" name="credential" type="password" value=${text} onInput=${setText} required autoComplete="off" hint="As in concha_<id>_<secret>, or a JSON Web Token." />
          <div class="group end"><button type="submit" class="primary">Sign in</button></div>
        </form>
      <//>
    </div>
  `;
}
