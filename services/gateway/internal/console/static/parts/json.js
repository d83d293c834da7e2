import { html } from "../html.js";
import { CopyButton } from "./copy.js";

/** A value as JSON, to be read and copied. @param {{value: unknown, label: string}} props */
export function Json({ value, label }) {
  const text = JSON.stringify(value, null, 2);
  return html`
    <div class="json">
      <${CopyButton} text=${text} label="Copy the JSON" />
      <pre tabIndex="0" role="region" aria-label=${label}>${text}</pre>
    </div>
  `;
}
