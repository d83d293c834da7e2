import { html } from "../html.js";
import { changeQuery, pageAddress, useRoute } from "../route.js";

/**
 * Links to the parts of a page, of which the address names one.
 * @param {{tabs: [string, string][]}} props names, "" for the first, and labels
 */
export function Tabs({ tabs }) {
  const { path, query } = useRoute();
  const current = query.get("tab") ?? "";
  const select = (/** @type {Event} */ event, /** @type {string} */ name) => {
    event.preventDefault();
    event.stopPropagation();
    changeQuery({ tab: name || null, page_token: null }, { replace: true });
  };
  return html`
    <nav class="tabs" aria-label="Parts">
      ${tabs.map(
        ([name, label]) => html`
          <a key=${name} href=${pageAddress(path, { tab: name })} aria-current=${name === current ? "page" : undefined} onClick=${(/** @type {Event} */ event) => select(event, name)}>${label}</a>
        `,
      )}
    </nav>
  `;
}
