import { caller, loadCaller, useMustSignIn } from "./api/caller.js";
import { online } from "./api/connection.js";
import { credential } from "./api/credential.js";
import { Problem } from "./api/problem.js";
import { useStore } from "./api/store.js";
import { html } from "./html.js";
import { AccountPage } from "./pages/account.js";
import { NewAccount } from "./pages/account-new.js";
import { Accounts } from "./pages/accounts.js";
import { Events } from "./pages/events.js";
import { NotFound } from "./pages/not-found.js";
import { Overview } from "./pages/overview.js";
import { SessionPage } from "./pages/session.js";
import { Sessions } from "./pages/sessions.js";
import { SignIn } from "./pages/sign-in.js";
import { Skeleton } from "./parts/placeholder.js";
import { Shell } from "./parts/shell.js";
import { useRoute } from "./route.js";
import { useEffect } from "./vendor/hooks.js";
import { render } from "./vendor/preact.js";

/** @type {[RegExp, any][]} */
const pages = [
  [/^\/$/, Overview],
  [/^\/accounts$/, Accounts],
  [/^\/accounts\/new$/, NewAccount],
  [/^\/accounts\/(?<id>\d+)$/, AccountPage],
  [/^\/sessions$/, Sessions],
  [/^\/sessions\/(?<id>\d+)$/, SessionPage],
  [/^\/events$/, Events],
];

/** @param {string} path */
function pageAt(path) {
  for (const [pattern, page] of pages) {
    const match = pattern.exec(path);
    if (match) {
      return html`<${page} key=${path} ...${match.groups} />`;
    }
  }
  return html`<${NotFound} />`;
}

function Console() {
  const { path } = useRoute();
  const known = useStore(caller);
  const mustSignIn = useMustSignIn();
  const who = useStore(credential);
  const isOnline = useStore(online);
  // Another credential is another caller
  useEffect(() => {
    if (isOnline) {
      loadCaller().catch((error) => {
        if (!(error instanceof Problem)) {
          throw error;
        }
      });
    }
  }, [who, isOnline]);
  if (mustSignIn) {
    return html`<${Shell}><${SignIn} /><//>`;
  }
  return html`<${Shell}>${known ? pageAt(path) : html`<${Skeleton} />`}<//>`;
}

render(html`<${Console} />`, /** @type {Element} */ (document.getElementById("app")));
