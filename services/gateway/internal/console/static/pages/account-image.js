import { call } from "../api/call.js";
import { Problem } from "../api/problem.js";
import { upload } from "../api/upload.js";
import { bytes } from "../format.js";
import { html } from "../html.js";
import { DropZone } from "../parts/drop.js";
import { say } from "../parts/notices.js";
import { imagePath, Picture } from "../parts/picture.js";
import { ProblemBox } from "../parts/problem.js";
import { useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").Account} Account */

/**
 * The image of an account in its sizes, to be replaced or removed.
 * @param {{account: Account, mayWrite: boolean, onChange: (account: Account) => void, reload: () => void}} props
 */
export function AccountImage({ account, mayWrite, onChange, reload }) {
  const [sent, setSent] = useState(/** @type {number | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const path = `/v1/accounts/${account.id}/image`;

  const attempt = async (/** @type {() => Promise<void>} */ action) => {
    setProblem(null);
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      setProblem(error);
    }
    setSent(null);
  };
  const replace = (/** @type {File} */ file) =>
    attempt(async () => {
      setSent(0);
      const headers = { "Content-Type": file.type || "application/octet-stream", "If-Match": account.etag };
      onChange(await upload("PUT", path, { file, headers, onProgress: setSent }));
      say("Image saved");
    });
  const remove = () =>
    attempt(async () => {
      await call("DELETE", path, { headers: { "If-Match": account.etag } });
      say("Image removed");
      reload();
    });

  return html`
    <section class="card" aria-labelledby="image-title">
      <div class="card-head">
        <h2 id="image-title">Image</h2>
        ${account.image && mayWrite && html`<button type="button" class="small" onClick=${remove}>Remove</button>`}
      </div>
      ${problem && html`<${ProblemBox} problem=${problem}>${problem.status === 412 && html`<p><button type="button" class="small" onClick=${() => (setProblem(null), reload())}>Show what it is now</button></p>`}<//>`}
      ${account.image && html`<${Sizes} image=${account.image} />`}
      ${!account.image && !mayWrite && html`<p class="quiet">None.</p>`}
      ${
        mayWrite &&
        html`<${DropZone} label=${account.image ? "Replace the image" : "Choose an image"} hint="or drop it here. JPEG or PNG, at most 5 MiB."
          accept="image/jpeg,image/png" busy=${sent !== null} onFiles=${(/** @type {[File]} */ [file]) => replace(file)} />`
      }
      ${sent !== null && html`<p class="progress"><progress aria-label="Upload" max="1" value=${sent}></progress>${sent < 1 ? `${Math.round(sent * 100)} %` : "Checking the image…"}</p>`}
    </section>
  `;
}

/** @param {{image: NonNullable<Account["image"]>}} props */
function Sizes({ image }) {
  const longest = Math.max(image.width, image.height);
  const sizes = [64, 256, 1024].filter((size) => size < longest);
  const [size, setSize] = useState(/** @type {number | undefined} */ (sizes.includes(256) ? 256 : undefined));
  return html`
    <div class="picture">
      <${Picture} path=${imagePath(image, size)} alt="The image of the account" />
    </div>
    <div class="segments" role="group" aria-label="Size">
      ${[...sizes, undefined].map(
        (side) =>
          html`<button key=${side ?? 0} type="button" class="small" aria-pressed=${side === size} onClick=${() => setSize(side)}>${side ?? `${image.width} × ${image.height}`}</button>`,
      )}
    </div>
    <p class="quiet">${image.content_type.replace("image/", "").toUpperCase()}, ${bytes(image.size_bytes)}</p>
  `;
}
