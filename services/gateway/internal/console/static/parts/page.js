import { html } from "../html.js";
import { useEffect, useLayoutEffect, useRef } from "../vendor/hooks.js";

/**
 * The head of a page and what is on it. The title gets the focus, so that a
 * reader of the screen begins there.
 * @param {{title: string, name?: string, above?: unknown, actions?: unknown, children?: unknown}} props
 *   name is what the window is called, if it is not the title
 */
export function Page({ title, name = title, above, actions, children }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    document.title = `${name} · Concha`;
  }, [name]);
  // Before the page is painted: later, somebody may have moved the focus already
  useLayoutEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return html`
    <header class="page-head">
      ${above && html`<p class="above">${above}</p>`}
      <h1 ref=${heading} tabIndex="-1" dir="auto">${title}</h1>
      ${actions && html`<div class="group">${actions}</div>`}
    </header>
    ${children}
  `;
}
