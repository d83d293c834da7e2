import { open } from "../api/call.js";
import { html } from "../html.js";
import { useEffect, useState } from "../vendor/hooks.js";

/** @typedef {import("../api/types.js").Account} Account */

/**
 * The path of an account's image at this origin; size is the length of its
 * longer side in pixels.
 * @param {NonNullable<Account["image"]>} image
 * @param {number} [size]
 */
export function imagePath(image, size) {
  const { pathname, searchParams } = new URL(image.url, location.origin);
  if (size) {
    searchParams.set("size", String(size));
  }
  return `${pathname}?${searchParams}`;
}

/**
 * A picture that is read with the caller's credential, which an img element
 * cannot send.
 * @param {{path: string, alt: string}} props
 */
export function Picture({ path, alt }) {
  const [source, setSource] = useState("");
  useEffect(() => {
    const controller = new AbortController();
    let made = "";
    open("GET", path, { signal: controller.signal, unlisted: true })
      .then((answer) => answer.blob())
      .then((blob) => {
        if (!controller.signal.aborted) {
          made = URL.createObjectURL(blob);
          setSource(made);
        }
      })
      .catch(() => setSource("")); // the place stays empty; a deletion may have been faster
    return () => {
      controller.abort();
      URL.revokeObjectURL(made);
    };
  }, [path]);
  return source ? html`<img src=${source} alt=${alt} />` : html`<span class="blank" aria-hidden="true"></span>`;
}

/** The first letters of two words. @param {string} name */
function initials(name) {
  const segments = new Intl.Segmenter();
  const words = name.trim().split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ""]
    .map((word) => (word ? ([...segments.segment(word)][0]?.segment ?? "") : ""))
    .join("")
    .toUpperCase();
}

/** The image of an account, or its initials on a colour of its own. @param {{account: Account, size?: 64 | 256}} props */
export function Avatar({ account, size = 64 }) {
  const shape = size === 64 ? "avatar" : "avatar large";
  if (account.image) {
    return html`<span class=${shape}><${Picture} path=${imagePath(account.image, size)} alt="" /></span>`;
  }
  return html`<span class="${shape} tint-${account.id % 6}" aria-hidden="true">${initials(account.name) || "·"}</span>`;
}
