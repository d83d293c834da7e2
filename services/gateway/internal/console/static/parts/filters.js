import { html } from "../html.js";
import { changeQuery } from "../route.js";
import { useId, useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";

/**
 * A filter of a list: the parameter of the API, and what it is called. One of a
 * range also has the parameters that end in _min and _max.
 * @typedef {{name: string, label: string, range?: boolean, isNumber?: boolean, hint?: string}} Filter
 */

/** @type {[string, string][]} */
const relations = [
  ["", "="],
  ["_min", "≥"],
  ["_max", "≤"],
];

/** @param {Filter} filter */
const parameters = (filter) => (filter.range ? relations.map(([ending]) => filter.name + ending) : [filter.name]);

/**
 * The parameters of the address that are filters or the order of a list.
 * @param {Filter[]} filters
 * @param {URLSearchParams} query
 */
export function filtersOf(filters, query) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of [...filters.flatMap(parameters), "order_by"]) {
    const value = query.get(name);
    if (value !== null) {
      found[name] = value;
    }
  }
  return found;
}

/**
 * The filters that hold, each to be removed, and a form that adds one.
 * @param {{filters: Filter[], orders: [string, string][], query: URLSearchParams, children?: unknown}} props
 */
export function FilterBar({ filters, orders, query, children }) {
  const [name, setName] = useState(filters[0]?.name ?? "");
  const [relation, setRelation] = useState("");
  const [value, setValue] = useState("");
  const id = useId();
  const filter = filters.find((other) => other.name === name) ?? /** @type {Filter} */ (filters[0]);

  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (value !== "") {
      changeQuery({
        [filter.name + (filter.range ? relation : "")]: filter.isNumber ? value.trim() : value,
        page_token: null,
      });
      setValue("");
    }
  };
  const onSelect =
    (/** @type {(value: string) => void} */ set) =>
    (/** @type {Event & {currentTarget: HTMLSelectElement | HTMLInputElement}} */ event) =>
      set(event.currentTarget.value);

  return html`
    <div class="filters">
      <form role="search" onSubmit=${add}>
        <label class="offscreen" for="${id}-name">Filter by</label>
        <select id="${id}-name" value=${name} onChange=${onSelect(setName)}>
          ${filters.map((other) => html`<option key=${other.name} value=${other.name}>${other.label}</option>`)}
        </select>
        ${
          filter.range &&
          html`
            <label class="offscreen" for="${id}-relation">Relation</label>
            <select id="${id}-relation" value=${relation} onChange=${onSelect(setRelation)}>
              ${relations.map(([ending, sign]) => html`<option key=${ending} value=${ending}>${sign}</option>`)}
            </select>
          `
        }
        <label class="offscreen" for="${id}-value">Value</label>
        <input id="${id}-value" type="search" dir="auto" inputMode=${filter.isNumber ? "numeric" : "text"} value=${value} autoComplete="off"
          placeholder=${filter.hint ?? "Exactly"} onInput=${onSelect(setValue)} />
        <button type="submit">Filter</button>
      </form>
      <label class="order">
        <span class="quiet">Order</span>
        <select value=${query.get("order_by") ?? ""} onChange=${onSelect((order) => changeQuery({ order_by: order, page_token: null }))}>
          ${orders.map(([order, label]) => html`<option key=${order} value=${order}>${label}</option>`)}
        </select>
      </label>
      ${children}
      <${Chips} filters=${filters} query=${query} />
    </div>
  `;
}

/** @param {{filters: Filter[], query: URLSearchParams}} props */
function Chips({ filters, query }) {
  const chips = filters.flatMap((filter) =>
    (filter.range ? relations : [["", "is"]]).flatMap(([ending, sign]) => {
      const value = query.get(filter.name + ending);
      return value === null ? [] : [{ parameter: filter.name + ending, label: filter.label, sign, value }];
    }),
  );
  if (chips.length === 0) {
    return null;
  }
  return html`
    <ul class="chips" aria-label="Filters">
      ${chips.map(
        ({ parameter, label, sign, value }) => html`
          <li key=${parameter}>
            <span>${label} ${sign} <strong dir="auto">${value}</strong></span>
            <button type="button" class="bare" aria-label=${`Remove the filter ${label} ${sign} ${value}`} onClick=${() => changeQuery({ [parameter]: null, page_token: null })}>
              <${Icon} name="close" />
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
