import { curl } from "../api/requests.js";
import { html } from "../html.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";
import { say } from "./notices.js";

/**
 * Puts a text on the clipboard, also where the page came over plain HTTP, which
 * has no navigator.clipboard.
 * @param {string} text
 */
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  const focused = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) {
    focused.focus();
  }
}

/**
 * A button that copies a text.
 * @param {{text: string | (() => string), label: string, icon?: import("./icons.js").IconName, children?: unknown}} props
 */
export function CopyButton({ text, label, icon = "copy", children }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    const timer = done ? setTimeout(() => setDone(false), 1500) : undefined;
    return () => clearTimeout(timer);
  }, [done]);
  const click = async () => {
    try {
      await copy(typeof text === "function" ? text() : text);
      setDone(true);
      say("Copied");
    } catch {
      say("The browser does not allow copying");
    }
  };
  return html`
    <button type="button" class=${children ? "small" : "bare"} aria-label=${children ? undefined : label} title=${label} onClick=${click}>
      <${Icon} name=${done ? "check" : icon} />${children}
    </button>
  `;
}

/**
 * A button that copies a request of this page as a curl command.
 * @param {{method?: string, path: string, headers?: [string, string][]}} props
 */
export const CurlButton = ({ method = "GET", path, headers = [] }) => html`
  <${CopyButton} icon="terminal" label="Copy the request as curl" text=${() => curl({ method, path, headers, body: null, file: "" })}>curl<//>
`;
