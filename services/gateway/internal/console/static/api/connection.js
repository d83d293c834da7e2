// Whether the server answers. While it does not, it is asked until it does.
import { Store } from "./store.js";

const pause = 1500;

/** False from a request that had no answer until the server answers again. */
export const online = new Store(true);

/** Notes that a request had no answer. */
export function lost() {
  if (online.value) {
    online.set(false);
    setTimeout(probe, pause);
  }
}

async function probe() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.ok) {
      online.set(true);
      return;
    }
  } catch {
    // It still does not answer.
  }
  setTimeout(probe, pause);
}
