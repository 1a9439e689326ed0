/** Asks how alerts fare, for as long as somebody looks at the page. */

import { getAlerts } from "./api.js";

const EVERY_MS = 3_000;
const AFTER_FAILURE_MS = 15_000;

/** Tells `onAlerts` what the server says, again and again. What it does not say in time is asked for again later. */
export function watchAlerts(onAlerts) {
  let asking = null;
  const ask = async () => {
    clearTimeout(asking);
    if (document.visibilityState === "hidden") return;
    let wait = EVERY_MS;
    try {
      onAlerts(await getAlerts());
    } catch {
      wait = AFTER_FAILURE_MS; // others say that the server is gone
    }
    clearTimeout(asking);
    asking = setTimeout(ask, wait);
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}
