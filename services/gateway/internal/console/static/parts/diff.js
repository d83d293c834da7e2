import { html } from "../html.js";

/** What every change changes, and what follows from the rest. */
const uninteresting = new Set(["version", "etag", "updated_at", "created_at", "file_url", "image.url"]);

/** @param {unknown} value */
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/**
 * The members of a resource by their names, those of an object in it as in
 * image.width.
 * @param {Record<string, unknown>} resource
 * @returns {[string, unknown][]}
 */
function members(resource, prefix = "") {
  return Object.entries(resource).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? members(/** @type {Record<string, unknown>} */ (value), `${prefix}${name}.`)
      : value === null
        ? []
        : [/** @type {[string, unknown]} */ ([prefix + name, value])],
  );
}

/**
 * The members that differ between two versions of a resource.
 * @param {Record<string, unknown>} before empty for the first version
 * @param {Record<string, unknown>} after
 */
export function differences(before, after) {
  const old = new Map(members(before));
  const now = new Map(members(after));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((name) => ({ name, before: old.get(name) ?? null, after: now.get(name) ?? null }))
    .filter(
      (change) => !uninteresting.has(change.name) && JSON.stringify(change.before) !== JSON.stringify(change.after),
    );
}

/**
 * Members with their old and new values.
 * @param {{changes: ReturnType<typeof differences>}} props
 */
export const Diff = ({ changes }) => html`
  <dl class="diff">
    ${changes.map(
      ({ name, before, after }) => html`
        <div key=${name}>
          <dt>${name}</dt>
          <dd>
            ${before !== null && html`<del dir="auto">${shown(before)}</del>`}
            ${after !== null ? html`<ins dir="auto">${shown(after)}</ins>` : html`<span class="quiet">none</span>`}
          </dd>
        </div>
      `,
    )}
  </dl>
`;
