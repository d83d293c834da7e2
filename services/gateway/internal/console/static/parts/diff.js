import { html } from "../html.js";

/** What every change changes, and what others tell. */
const uninteresting = new Set(["version", "etag", "updated_at", "created_at"]);

/** @param {unknown} value */
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/**
 * The members that differ between two versions of a resource.
 * @param {Record<string, unknown>} before empty for the first version
 * @param {Record<string, unknown>} after
 */
export function differences(before, after) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter(
      (name) =>
        !uninteresting.has(name) && JSON.stringify(before[name] ?? null) !== JSON.stringify(after[name] ?? null),
    )
    .map((name) => ({ name, before: before[name] ?? null, after: after[name] ?? null }));
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
