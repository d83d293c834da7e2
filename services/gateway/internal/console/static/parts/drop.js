import { html } from "../html.js";
import { useId, useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";

/**
 * A place to drop files at, and a field to choose them with.
 * @param {{label: string, hint: string, accept: string, multiple?: boolean, busy?: boolean, onFiles: (files: File[]) => void}} props
 */
export function DropZone({ label, hint, accept, multiple = false, busy = false, onFiles }) {
  const [over, setOver] = useState(false);
  const id = useId();
  const take = (/** @type {FileList | null | undefined} */ files) =>
    files && files.length > 0 && !busy && onFiles(multiple ? [...files] : [...files].slice(0, 1));
  return html`
    <div
      class=${over ? "drop over" : "drop"}
      onDragOver=${(/** @type {DragEvent} */ event) => (event.preventDefault(), setOver(true))}
      onDragLeave=${() => setOver(false)}
      onDrop=${(/** @type {DragEvent} */ event) => (event.preventDefault(), setOver(false), take(event.dataTransfer?.files))}
    >
      <input
        id=${id} type="file" accept=${accept} multiple=${multiple} disabled=${busy} aria-describedby="${id}-hint"
        onChange=${(/** @type {Event & {currentTarget: HTMLInputElement}} */ event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
      <label for=${id}><${Icon} name="upload" />${label}</label>
      <p class="hint" id="${id}-hint">${hint}</p>
    </div>
  `;
}
