import { caller, useMay, useMustSignIn } from "../api/caller.js";
import { online } from "../api/connection.js";
import { credential, mustSignIn, signOut } from "../api/credential.js";
import { useStore } from "../api/store.js";
import { html } from "../html.js";
import { pageAddress, useRoute } from "../route.js";
import { useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";
import { Notices } from "./notices.js";
import { RequestsPanel } from "./requests-panel.js";
import { ThemeButton } from "./theme.js";

/** @type {{path: string, label: string, icon: import("./icons.js").IconName, scope: string}[]} */
const places = [
  { path: "/", label: "Overview", icon: "overview", scope: "" },
  { path: "/accounts", label: "Accounts", icon: "accounts", scope: "accounts:read" },
  { path: "/sessions", label: "Sessions", icon: "sessions", scope: "audios:read" },
  { path: "/events", label: "Events", icon: "events", scope: "events:read" },
];

const icon = new URL("../icon.svg", import.meta.url).pathname;

/** What is around every page. @param {{children?: unknown}} props */
export function Shell({ children }) {
  const { path } = useRoute();
  const may = useMay();
  const isOnline = useStore(online);
  const signedIn = useStore(credential) !== "";
  const isGuarded = useStore(caller)?.access === "required";
  const isAsked = useMustSignIn();
  const [showsRequests, setShowsRequests] = useState(false);
  const isHere = (/** @type {string} */ place) =>
    place === "/" ? path === "/" : path === place || path.startsWith(`${place}/`);
  return html`
    <a class="skip" href="#main">To the content</a>
    <aside class="side">
      <a class="brand" href=${pageAddress("/")}><img src=${icon} alt="" width="28" height="28" /><span>Concha</span></a>
      <nav aria-label="Console">
        ${places
          .filter(({ scope }) => scope === "" || may(scope))
          .map(
            ({ path: place, label, icon }) =>
              html`<a key=${place} href=${pageAddress(place)} aria-current=${isHere(place) ? "page" : undefined}><${Icon} name=${icon} /><span>${label}</span></a>`,
          )}
      </nav>
      <div class="side-foot">
        <a class="nav-button" href="/docs"><${Icon} name="docs" /><span>API docs</span></a>
        <button type="button" class="nav-button" onClick=${() => setShowsRequests(true)}><${Icon} name="terminal" /><span>Requests</span></button>
        <${ThemeButton} />
        ${signedIn && html`<button type="button" class="nav-button" onClick=${signOut}><${Icon} name="leave" /><span>Sign out</span></button>`}
        ${isGuarded && !signedIn && !isAsked && html`<button type="button" class="nav-button" onClick=${() => mustSignIn.set(true)}><${Icon} name="leave" /><span>Sign in</span></button>`}
      </div>
    </aside>
    <main id="main" tabIndex="-1">
      ${!isOnline && html`<div class="offline" role="alert"><${Icon} name="warning" />The server does not answer. This page goes on when it does.</div>`}
      ${children}
    </main>
    ${showsRequests && html`<${RequestsPanel} onClose=${() => setShowsRequests(false)} />`}
    <${Notices} />
  `;
}
