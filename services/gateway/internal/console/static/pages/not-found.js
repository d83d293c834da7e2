import { html } from "../html.js";
import { Page } from "../parts/page.js";
import { pageAddress } from "../route.js";

export const NotFound = () => html`
  <${Page} title="There is no such page">
    <p>The address names no page of the console. <a href=${pageAddress("/")}>To the overview</a></p>
  <//>
`;
