import { html } from "../html.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { Icon } from "./icons.js";

const kept = "concha.theme";
const themes = ["auto", "light", "dark"];

/** A button that goes through the themes. Without a choice, that of the system holds. */
export function ThemeButton() {
  const [theme, setTheme] = useState(() => localStorage.getItem(kept) ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(kept, theme);
  }, [theme]);
  const next = /** @type {string} */ (themes[(themes.indexOf(theme) + 1) % themes.length]);
  return html`
    <button type="button" class="nav-button" title=${`Change to ${next}`} onClick=${() => setTheme(next)}>
      <${Icon} name="theme" /><span>Theme: ${theme}</span>
    </button>
  `;
}
