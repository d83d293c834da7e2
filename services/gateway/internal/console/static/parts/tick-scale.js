// Where levels are drawn: ticks from left to right, −10 dB at the top, −100 dB
// at the bottom.
import { html } from "../html.js";
import { useLayoutEffect, useRef, useState } from "../vendor/hooks.js";

export const lowest = -100;
export const highest = -10;
export const tickCount = 15;

/**
 * @typedef {object} Scale
 * @property {number} width of the whole, in pixels
 * @property {number} height
 * @property {number} left edge of the area of the lines
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 */

/** @param {Scale} scale @param {number} tick */
export const xOf = ({ left, right }, tick) => left + (tick * (right - left)) / (tickCount - 1);

/** @param {Scale} scale @param {number} level in dB */
export const yOf = ({ top, bottom }, level) => top + ((highest - level) * (bottom - top)) / (highest - lowest);

/** @param {Scale} scale @param {number[]} ticks */
export const lineOf = (scale, ticks) =>
  ticks.map((level, tick) => `${xOf(scale, tick).toFixed(1)},${yOf(scale, level).toFixed(1)}`).join(" ");

/** @param {Scale} scale @param {number} x in pixels */
export function tickAt({ left, right }, x) {
  const tick = Math.round(((x - left) / (right - left)) * (tickCount - 1));
  return Math.min(tickCount - 1, Math.max(0, tick));
}

/**
 * The scale of a plot as wide as its place. The reference belongs to the
 * element that has the plot in it.
 */
export function usePlotScale() {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(640);
  // Before it is painted, a plot is as wide as its place already.
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) {
      return;
    }
    const measure = () => setWidth(Math.max(240, Math.floor(element.getBoundingClientRect().width)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const height = Math.round(Math.min(420, Math.max(240, width * 0.5)));
  return { place, scale: { width, height, left: 48, right: width - 16, top: 14, bottom: height - 40 } };
}

/** The lines and words of both axes. @param {{scale: Scale}} props */
export function Axes({ scale }) {
  const levels = Array.from({ length: 10 }, (_, step) => highest - step * 10);
  const everyOther = scale.width < 420;
  return html`
    <g class="axes" aria-hidden="true">
      ${levels.map(
        (level) => html`
          <g key=${level}>
            <line x1=${scale.left} x2=${scale.right} y1=${yOf(scale, level)} y2=${yOf(scale, level)} />
            <text x=${scale.left - 8} y=${yOf(scale, level)} dy="0.32em" text-anchor="end">${String(level).replace("-", "−")}</text>
          </g>
        `,
      )}
      ${Array.from({ length: tickCount }, (_, tick) =>
        everyOther && tick % 2 === 1
          ? null
          : html`<text key=${`tick-${tick}`} x=${xOf(scale, tick)} y=${scale.bottom + 18} text-anchor="middle">${tick}</text>`,
      )}
      <text class="unit" x=${scale.left} y=${scale.bottom + 34}>dB, by tick</text>
    </g>
  `;
}
