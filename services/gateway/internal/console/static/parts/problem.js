import { html } from "../html.js";
import { Icon } from "./icons.js";

/**
 * A failure: its title, detail, the faults that no field shows, and the id by
 * which the logs know the request.
 * @param {{problem: import("../api/problem.js").Problem, shown?: string[], retry?: () => void, children?: unknown}} props
 *   shown are the pointers of the faults that fields show
 */
export function ProblemBox({ problem, shown = [], retry, children }) {
  const faults = problem.errors.filter((fault) => !shown.includes(fault.pointer));
  return html`
    <div class="problem" role="alert">
      <${Icon} name="warning" />
      <div>
        <strong>${problem.title}</strong>
        ${problem.detail && html`<p>${problem.detail}</p>`}
        ${
          faults.length > 0 &&
          html`<ul>${faults.map((fault) => html`<li key=${fault.pointer}><code>${fault.pointer || "the whole"}</code> ${fault.detail}</li>`)}</ul>`
        }
        ${problem.requestId && html`<p class="quiet">Request <code>${problem.requestId}</code></p>`}
        ${children}
        ${retry && problem.status !== 404 && html`<button type="button" class="small" onClick=${retry}>Try again</button>`}
      </div>
    </div>
  `;
}
