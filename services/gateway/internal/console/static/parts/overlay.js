import { html } from "../html.js";
import { useState } from "../vendor/hooks.js";
import { pickedLevel } from "./tick-line.js";
import { Axes, lineOf, tickAt, usePlotScale, xOf, yOf } from "./tick-scale.js";

/** @typedef {import("../api/types.js").Session} Session */

/**
 * Several sessions, one laid over the other and coloured by step. One is
 * lifted: that nearest to the pointer, or the one that its row points at.
 * @param {{sessions: Session[], lifted: number | null, onLift: (id: number | null) => void}} props
 */
export function Overlay({ sessions, lifted, onLift }) {
  const { place, scale } = usePlotScale();
  const [hidden, setHidden] = useState(/** @type {number[]} */ ([]));
  const steps = [...new Set(sessions.map((session) => session.step_count))].sort();
  const visible = sessions.filter((session) => !hidden.includes(session.step_count));
  const inOrder = [...visible].sort((a, b) => Number(a.session_id === lifted) - Number(b.session_id === lifted));

  const onPointerMove = (/** @type {PointerEvent & {currentTarget: Element}} */ event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const tick = tickAt(scale, event.clientX - box.left);
    const distance = (/** @type {Session} */ session) =>
      Math.abs(yOf(scale, session.ticks[tick] ?? 0) - (event.clientY - box.top));
    const [nearest] = [...visible].sort((a, b) => distance(a) - distance(b));
    onLift(nearest && distance(nearest) < 24 ? nearest.session_id : null);
  };
  const toggle = (/** @type {number} */ step) =>
    setHidden((before) => (before.includes(step) ? before.filter((other) => other !== step) : [...before, step]));

  return html`
    <div>
      <div class="plot" ref=${place}>
        <svg width=${scale.width} height=${scale.height} role="img" aria-label=${`Levels of ${visible.length} sessions; the table has each of them`}
          onPointerMove=${onPointerMove} onPointerLeave=${() => onLift(null)}>
          <${Axes} scale=${scale} />
          ${inOrder.map(
            (session) => html`
              <g key=${session.session_id} class=${`of-step-${session.step_count} ${lifted === null ? "faint" : lifted === session.session_id ? "lifted" : "faded"}`}>
                <polyline class="line" points=${lineOf(scale, session.ticks)} />
                <circle class="picked" cx=${xOf(scale, session.selected_tick)} cy=${yOf(scale, pickedLevel(session))} r="4.500" />
              </g>
            `,
          )}
        </svg>
      </div>
      <div class="legend" role="group" aria-label="Steps that are shown">
        ${steps.map(
          (step) => html`
            <button key=${step} type="button" class=${`small of-step-${step}`} aria-pressed=${!hidden.includes(step)} onClick=${() => toggle(step)}>
              <span class="swatch" aria-hidden="true"></span>Step ${step}
            </button>
          `,
        )}
      </div>
    </div>
  `;
}
