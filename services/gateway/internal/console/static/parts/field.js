import { html } from "../html.js";
import { useId } from "../vendor/hooks.js";

/**
 * A text field with its label and the faults that were found in it.
 * @param {{label: string, name: string, value: string, onInput: (value: string) => void, faults?: string[], hint?: string, type?: string, required?: boolean, autoComplete?: string, maxLength?: number}} props
 */
export function Field({
  label,
  name,
  value,
  onInput,
  faults = [],
  hint = "",
  type = "text",
  required = false,
  autoComplete = "off",
  maxLength,
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, faults.length > 0 && `${id}-faults`].filter(Boolean).join(" ");
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <input
        id=${id} name=${name} type=${type} value=${value} required=${required} autoComplete=${autoComplete} maxLength=${maxLength} dir="auto"
        aria-invalid=${faults.length > 0} aria-describedby=${described || undefined} spellcheck=${false}
        onInput=${(/** @type {InputEvent & {currentTarget: HTMLInputElement}} */ event) => onInput(event.currentTarget.value)}
      />
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${faults.length > 0 && html`<p class="fault" id=${`${id}-faults`}>${faults.join("; ")}</p>`}
    </div>
  `;
}
