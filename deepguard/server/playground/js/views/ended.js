/** After a call: why it ended, and another one. */

import { el, setText, show } from "../dom.js";
import { duration } from "../words.js";

/** @param actions.start Called when the person starts again. */
export function mountEnded(root, { start }) {
  const reason = el("p", { class: "lead untrusted", "data-testid": "ended-reason" });
  const length = el("p", { class: "muted" });
  const button = el("button", {
    type: "button",
    class: "primary large",
    "data-testid": "start-again",
    "data-focus-in": "ended",
    text: "Start again",
    onclick: start,
  });
  root.append(
    el("div", {}, el("h1", { id: "ended-title", text: "Call ended" }), reason, length),
    el("div", { class: "buttons" }, button),
  );
  return ({ phase, ended, guard }) => {
    show(root, phase === "ended");
    if (phase !== "ended") return;
    setText(reason, ended.text);
    const { call } = guard;
    const end = guard.ended?.at ?? call?.ended_at;
    setText(length, call && end ? `It lasted ${duration(end - call.started_at)}.` : "");
  };
}
