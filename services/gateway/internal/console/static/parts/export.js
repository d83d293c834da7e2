import { open } from "../api/call.js";
import { isAbort, Problem } from "../api/problem.js";
import { bytes, number } from "../format.js";
import { html } from "../html.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";
import { say } from "./notices.js";
import { ProblemBox } from "./problem.js";

const newline = 10;
const heldBytes = 4 << 20;

/**
 * Reads an export to its end. The browser keeps what blobs have on its disk, so
 * that the memory of the page is bounded.
 * @param {string} path
 * @param {Record<string, string>} query
 * @param {AbortSignal} signal
 * @param {(progress: {rows: number, size: number}) => void} onProgress
 */
async function read(path, query, signal, onProgress) {
  const answer = await open("GET", path, { query, signal });
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body).getReader();
  /** @type {BlobPart[]} */
  let held = [];
  let whole = new Blob([], { type: "application/x-ndjson" });
  let unsaved = 0;
  const progress = { rows: 0, size: 0 };
  for (;;) {
    const { value, done } = await reader.read();
    if (value) {
      held.push(value);
      unsaved += value.length;
      progress.size += value.length;
      for (let at = value.indexOf(newline); at >= 0; at = value.indexOf(newline, at + 1)) {
        progress.rows++;
      }
    }
    if (done || unsaved > heldBytes) {
      whole = new Blob([whole, ...held], { type: whole.type });
      held = [];
      unsaved = 0;
      onProgress({ ...progress });
    }
    if (done) {
      return whole;
    }
  }
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * A button that saves all that a list shows on all its pages, and says how far
 * it is.
 * @param {{collection: import("../api/types.js").Collection, filters: Record<string, string>, total: number | null}} props
 */
export function ExportButton({ collection, filters, total }) {
  const [progress, setProgress] = useState(/** @type {{rows: number, size: number} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const controller = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => controller.current?.abort(), []);

  const start = async () => {
    controller.current = new AbortController();
    setProblem(null);
    setProgress({ rows: 0, size: 0 });
    try {
      const blob = await read(`/v1/${collection}:export`, filters, controller.current.signal, setProgress);
      save(blob, `${collection}.ndjson`);
      say("Export saved");
    } catch (error) {
      if (!isAbort(error)) {
        setProblem(
          error instanceof Problem
            ? error
            : new Problem({
                title: "The export broke off",
                detail: "What was read is not whole, so it was not saved.",
              }),
        );
      }
    }
    setProgress(null);
  };

  if (!progress) {
    return html`
      <button type="button" onClick=${start} title="All rows of all pages, as NDJSON"><${Icon} name="download" />Export</button>
      ${problem && html`<${ProblemBox} problem=${problem} />`}
    `;
  }
  return html`
    <span class="progress">
      <progress aria-label="Export" max=${total || undefined} value=${total ? progress.rows : undefined}></progress>
      <span>${number(progress.rows)} rows, ${bytes(progress.size)}</span>
      <button type="button" class="small" onClick=${() => controller.current?.abort()}>Cancel</button>
    </span>
  `;
}
