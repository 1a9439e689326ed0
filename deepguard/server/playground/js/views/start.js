/** Before a call: what will happen, what leaves the computer, and the button. */

import { el, setAttribute, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { listed } from "../words.js";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** @param actions.start Called when the person starts a call. */
export function mountStart(root, { start }) {
  const lead = el("p", { class: "lead" });
  const where = el("span");
  const whom = el("span");
  const alerts = el("li", {}, icon("suspicious"), el("span"));
  const button = el("button", {
    type: "button",
    class: "primary large",
    "data-testid": "start",
    text: "Start guarded call",
    onclick: start,
  });
  const step = el("p", { class: "step", role: "status" });
  root.append(
    el("h1", { id: "start-title", text: "See a call guarded" }),
    lead,
    el(
      "ul",
      { class: "facts" },
      el("li", {}, icon("camera"), where),
      el("li", {}, icon("clear"), whom),
      alerts,
    ),
    el("div", { class: "buttons" }, button, step),
  );
  return ({ phase, step: waiting, info, problem }) => {
    show(root, problem === null && (phase === "start" || phase === "opening"));
    setAttribute(button, "disabled", phase === "opening" || info === null);
    setText(step, waiting);
    if (!info) return;
    setText(lead, `Start a call with your own camera and microphone. ${purpose(info.detector)}`);
    const host = LOOPBACK.has(location.hostname) ? "on this computer" : `at ${location.hostname}`;
    setText(where, `Your browser asks for camera and microphone. Both go to the deepguard server ${host}.`);
    setText(whom, judging(info.detector));
    show(alerts, info.notifiers.length > 0);
    setText(alerts.lastElementChild, `Alerts go to: ${listed(info.notifiers)}.`);
  };
}

const purpose = ({ simulated, assesses_deepfakes: assesses }) =>
  simulated
    ? "You see here, live, how deepguard shows and reports what a detector finds."
    : assesses
    ? "deepguard checks again and again whether the person looks and sounds genuine, and you see every result here, live."
    : "deepguard measures again and again what can be seen and heard, and you see every result here, live.";

// What leaves the server comes first: of several detectors one may be scripted and another a service.
const judging = ({ local, simulated, label }) =>
  !local
    ? `The server passes single pictures and pieces of sound on, to be judged by ${label}.`
    : simulated
    ? "Nothing is judged: the verdicts are scripted. The server passes pictures and sound on to nobody."
    : "The server itself looks at pictures and sound; it passes them on to nobody.";
