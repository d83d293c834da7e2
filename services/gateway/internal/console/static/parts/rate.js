import { number } from "../format.js";
import { html } from "../html.js";

export const barSeconds = 5;
export const barCount = 60;

/**
 * Events a second over the last minutes as bars, the newest at the right.
 * @param {{bars: number[]}} props how many events each bar has
 */
export function Rate({ bars }) {
  const most = Math.max(barSeconds, ...bars);
  const total = bars.reduce((sum, count) => sum + count, 0);
  const perSecond = (/** @type {number} */ count) => (count / barSeconds).toFixed(count < 10 * barSeconds ? 1 : 0);
  return html`
    <figure class="rate">
      <svg viewBox="0 0 ${barCount * 10} 100" preserveAspectRatio="none" role="img"
        aria-label=${`${number(total)} events in the last ${(barCount * barSeconds) / 60} minutes, at most ${perSecond(most)} a second`}>
        ${bars.map((count, place) => html`<rect key=${place} x=${place * 10 + 1} width="8" y=${100 - (count / most) * 100} height=${(count / most) * 100} rx="1.500" />`)}
      </svg>
      <figcaption class="quiet"><span>${(barCount * barSeconds) / 60} min ago</span><span>at most ${perSecond(most)}/s</span><span>now</span></figcaption>
    </figure>
  `;
}
