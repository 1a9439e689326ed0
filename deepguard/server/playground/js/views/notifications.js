/** What people were told, as it happens, and whether it reached them. Newest first. */

import { el, keepList, setAttribute, setText, show } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { clockTime, counted, deliveryName, duration, kindName } from "../words.js";

const SHAPES = {
  "incident.opened": "alert",
  "incident.updated": "alert",
  "incident.repeated": "alert",
  "incident.resolved": "clear",
  "coverage.lost": "blind",
  "coverage.regained": "watched",
};

/** A list that grows at the top. */
export function mountNotifications(root) {
  const empty = el("p", { class: "muted", text: "Nobody has been notified yet." });
  const list = el("ol", { class: "log", tabindex: 0, "aria-labelledby": "notifications-title" });
  root.append(el("h2", { id: "notifications-title", text: "Notifications" }), empty, list);
  let shown = null;
  return ({ guard }) => {
    if (guard.notifications === shown) return;
    shown = guard.notifications;
    show(empty, shown.length === 0);
    show(list, shown.length > 0);
    keepList(list, shown.toReversed(), ({ id }) => id, entry);
  };
}

function entry({ kind, title, detail, at, simulated, covered }) {
  const shape = covered === false && SHAPES[kind] === "clear" ? "blind" : (SHAPES[kind] ?? "info");
  const deliveries = el("ul", { class: "deliveries", "aria-label": "Sent to" });
  const node = el(
    "li",
    { "data-state": shape, "data-kind": kind },
    el("span", { class: "symbol" }, icon(shape)),
    el(
      "div",
      {},
      el(
        "p",
        { class: "kind" },
        el("span", { text: kindName(kind) }),
        simulated ? el("span", { class: "tag", text: "Simulation" }) : null,
      ),
      el("p", { class: "untrusted" }, el("strong", { text: title })),
      detail ? el("p", { class: "muted untrusted", text: detail }) : null,
      deliveries,
    ),
    el("time", { text: clockTime(at) }),
  );
  const update = ({ deliveries: ended }) => keepList(deliveries, ended, keyOf, deliveryOf);
  return { node, update };
}

const keyOf = ({ notifier }) => notifier;
const SYMBOLS = { delivered: "delivered", dead: "failed" };

function deliveryOf() {
  const symbol = el("span", { class: "symbol" });
  const words = el("span", { class: "untrusted" });
  const node = el("li", {}, symbol, words);
  const update = ({ notifier, status, detail, seconds, attempts }) => {
    setAttribute(node, "data-status", status);
    setAttribute(node, "title", `After ${duration(seconds)}`);
    setIcon(symbol, SYMBOLS[status] ?? "waiting");
    const tried = attempts > 1 || status === "pending" ? `, ${counted(attempts, "attempt")}` : "";
    setText(words, `${notifier}: ${deliveryName(status)}${tried}${detail ? ` (${detail})` : ""}`);
  };
  return { node, update };
}
