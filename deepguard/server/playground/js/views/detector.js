/** Which detector judges, what it cannot do, and whether it works. */

import { el, setAttribute, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { sightOf } from "../watch.js";
import { healthName } from "../words.js";

const inCall = ({ phase }) => phase === "call" || phase === "ending";

/** In the header: the detector's name and, in a call, its health. */
export function mountHeader(root) {
  const name = el("strong");
  const health = el("span", { class: "health" });
  root.append("Judged by ", name, " ", health);
  return (state) => {
    const detector = state.guard.detector ?? state.info?.detector;
    show(root, Boolean(detector));
    if (!detector) return;
    setText(name, detector.label);
    const known = inCall(state) && sightOf(state).fresh ? detector.health?.state : undefined;
    show(health, Boolean(known));
    setAttribute(health, "data-health", known);
    setText(health, known ? healthName(known) : "");
    // Of several detectors that work: which of them does not.
    setAttribute(health, "title", known ? detector.health.detail || null : null);
  };
}

/** Across the page: that verdicts are simulated, or that deepfakes are not assessed. */
export function mountBanner(root) {
  const text = el("p");
  root.append(el("div", { class: "notice-inner" }, icon("info"), text));
  return (state) => {
    const detector = state.guard.detector ?? state.info?.detector;
    const limited = detector && (detector.simulated || !detector.assesses_deepfakes || detector.advisory);
    show(root, Boolean(limited));
    if (!limited) return;
    setAttribute(root, "data-kind", detector.simulated ? "simulation" : "advisory");
    setText(text, detector.advisory || fallback(detector));
  };
}

const fallback = ({ simulated, label }) =>
  simulated
    ? "Simulation: verdicts are scripted, not real."
    : `Deepfake: not assessed. ${label} reports picture and sound quality only; it is advisory.`;

/** In a call: that the detector is not reachable, and what that means. */
export function mountOutage(root) {
  const text = el("p");
  const detail = el("p", { class: "muted untrusted" });
  root.append(icon("blind"), el("div", {}, text, detail));
  return (state) => {
    const health = state.guard.detector?.health;
    const out = inCall(state) && (health?.state === "down" || health?.state === "refused");
    show(root, out);
    if (!out) return;
    const cause = health.state === "down" ? "detector not reachable" : "the detector refuses the server";
    setText(text, `Not watched: ${cause}. The call goes on unguarded.`);
    setText(detail, health.detail ?? "");
  };
}
