/** What people were told, as it happens, and whether it reached them; each alert can be labelled. Newest first. */

import { el, keepList, setAttribute, setText, show } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { clockTime, counted, deliveryName, duration, kindName } from "../words.js";
import { buildLabels } from "./labels.js";

const SHAPES = {
  "incident.opened": "alert",
  "incident.updated": "alert",
  "incident.repeated": "alert",
  "incident.resolved": "clear",
  "coverage.lost": "blind",
  "coverage.regained": "watched",
};

/**
 * A list that grows at the top.
 *
 * @param actions.label Called with an incident's id and what the person says of it.
 */
export function mountNotifications(root, actions) {
  const empty = el("p", { class: "muted", text: "Nobody has been notified yet." });
  const list = el("ol", { class: "log", tabindex: 0, "aria-labelledby": "notifications-title" });
  root.append(el("h2", { id: "notifications-title", text: "Notifications" }), empty, list);
  let shown = null;
  let labelled = null;
  return ({ guard, labels }) => {
    if (guard.notifications === shown && labels === labelled) return;
    shown = guard.notifications;
    labelled = labels;
    show(empty, shown.length === 0);
    show(list, shown.length > 0);
    const first = firstOfEach(shown);
    const entries = shown.map((told) => ({ ...told, asks: first.has(told.id), labelled: labels[told.incident_id] }));
    keepList(list, entries.toReversed(), ({ id }) => id, (told) => entry(told, actions));
  };
}

/** An alert is labelled where it was first told of, and nowhere else: the ids of these notifications. */
function firstOfEach(notifications) {
  const first = new Map();
  for (const { id, kind, incident_id: incident } of notifications) {
    if (incident && kind.startsWith("incident.") && !first.has(incident)) first.set(incident, id);
  }
  return new Set(first.values());
}

function entry({ kind, title, detail, at, simulated, covered, incident_id: incident }, actions) {
  const shape = covered === false && SHAPES[kind] === "clear" ? "blind" : (SHAPES[kind] ?? "info");
  const deliveries = el("ul", { class: "deliveries", "aria-label": "Sent to" });
  const labels = incident ? buildLabels(title, (chosen) => actions.label(incident, chosen)) : null;
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
  const update = ({ deliveries: ended, asks, labelled }) => {
    keepList(deliveries, ended, keyOf, deliveryOf);
    labels?.update(labelled);
    if (labels && asks !== node.contains(labels.node)) asks ? node.append(labels.node) : labels.node.remove();
  };
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
