import { decibels } from "../format.js";
import { html } from "../html.js";
import { useState } from "../vendor/hooks.js";
import { Axes, lineOf, tickAt, tickCount, usePlotScale, xOf, yOf } from "./tick-scale.js";

/** @typedef {import("../api/types.js").Session} Session */

/**
 * The ticks of a session, large. The pointer and the arrow keys read the level
 * of a tick; the table has them all.
 * @param {{session: Session}} props
 */
export function TickPlot({ session }) {
  const { place, scale } = usePlotScale();
  const [active, setActive] = useState(session.selected_tick);
  const level = (/** @type {number} */ tick) => /** @type {number} */ (session.ticks[tick]);
  const words = `Tick ${active}: ${decibels(level(active))}${active === session.selected_tick ? ", picked" : ""}`;

  const onPointerMove = (/** @type {PointerEvent & {currentTarget: Element}} */ event) =>
    setActive(tickAt(scale, event.clientX - event.currentTarget.getBoundingClientRect().left));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const next = { ArrowLeft: active - 1, ArrowRight: active + 1, Home: 0, End: tickCount - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setActive(Math.min(tickCount - 1, Math.max(0, next)));
    }
  };

  const x = xOf(scale, active);
  return html`
    <div class="plot-and-table">
      <div class="plot" ref=${place}>
        <svg width=${scale.width} height=${scale.height} role="slider" tabindex="0" aria-label="Level by tick" aria-valuemin="0"
          aria-valuemax=${tickCount - 1} aria-valuenow=${active} aria-valuetext=${words} onPointerMove=${onPointerMove}
          onPointerLeave=${() => setActive(session.selected_tick)} onKeyDown=${onKeyDown}>
          <${Axes} scale=${scale} />
          <line class="cross" x1=${x} x2=${x} y1=${scale.top} y2=${scale.bottom} />
          <polyline class="line" points=${lineOf(scale, session.ticks)} />
          ${session.ticks.map((value, tick) => html`<circle key=${tick} class="dot" cx=${xOf(scale, tick)} cy=${yOf(scale, value)} r="3" />`)}
          <circle class="picked" cx=${xOf(scale, session.selected_tick)} cy=${yOf(scale, level(session.selected_tick))} r="7" />
          <circle class="active" cx=${x} cy=${yOf(scale, level(active))} r="4.500" />
        </svg>
        <p class="reading" aria-hidden="true">${words}</p>
      </div>
      <${TickTable} session=${session} active=${active} />
    </div>
  `;
}

/** @param {{session: Session, active: number}} props */
const TickTable = ({ session, active }) => html`
  <table class="tick-table">
    <caption class="offscreen">Levels by tick</caption>
    <thead><tr><th scope="col">Tick</th><th scope="col" class="numeric">Level</th></tr></thead>
    <tbody>
      ${session.ticks.map(
        (level, tick) => html`
          <tr key=${tick} class=${tick === active ? "active" : ""}>
            <th scope="row">${tick}</th>
            <td class="numeric" title=${String(level)}>${tick === session.selected_tick && html`<span class="badge accent">picked</span> `}${decibels(level)}</td>
          </tr>
        `,
      )}
    </tbody>
  </table>
`;
