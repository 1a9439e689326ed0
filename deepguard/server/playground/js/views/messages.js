/** What the caller's own app is told during the call. */

import { el, keepList, setText } from "../dom.js";
import { clockTime } from "../words.js";

/** A small section to unfold. */
export function mountMessages(root) {
  const count = el("span", { "data-testid": "messages-count" });
  const list = el("ol", { class: "messages", tabindex: 0, "aria-label": "In-call messages" });
  root.append(
    el("summary", {}, "In-call messages: ", count),
    el("p", {
      class: "muted",
      text: "What the caller's own app is told during the call. It is off unless the configuration turns it on, so that a suspect is not warned.",
    }),
    list,
  );
  return ({ messages }) => {
    setText(count, String(messages.count));
    keepList(list, messages.latest.toReversed(), ({ number }) => number, entry);
  };
}

function entry({ at, message }) {
  const node = el(
    "li",
    {},
    el("time", { text: clockTime(at) }),
    el("code", { class: "untrusted", text: JSON.stringify(message) }),
  );
  return { node };
}
