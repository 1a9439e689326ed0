/** Across the page: alerts that could not be delivered, and what keeps others from being delivered. */

import { el, keepList, setText, show } from "../dom.js";
import { setIcon } from "../icons.js";
import { counted, listed, sentence } from "../words.js";

/** Shows nothing while all is well. */
export function mountAlerts(root) {
  const list = el("ul", { class: "notice-inner notice-list" });
  root.append(list);
  let shown;
  return ({ alerts }) => {
    if (alerts === shown) return;
    shown = alerts;
    const lines = alerts ? linesOf(alerts) : [];
    show(root, lines.length > 0);
    keepList(list, lines, ({ key }) => key, line);
  };
}

function line({ command }) {
  const symbol = el("span", { class: "symbol" });
  const words = el("strong", { class: "untrusted" });
  const todo = el("span", { class: "todo" });
  const node = el("li", {}, symbol, el("p", {}, words, " ", todo));
  if (command) todo.append(el("code", { text: command }), " shows why.");
  const update = ({ key, shape, text, more }) => {
    node.dataset.alerts = key.split(" ")[0];
    setIcon(symbol, shape);
    setText(words, text);
    if (more) setText(todo, more);
  };
  return { node, update };
}

function linesOf({ store, notifiers }) {
  const lines = [];
  if (!store.ok) {
    const waiting = store.waiting > 0 ? ` (${counted(store.waiting, "entry", "entries")})` : "";
    lines.push({
      key: "store",
      shape: "memory",
      text: `Alerts wait in memory${waiting}: ${sentence(store.detail)}`,
      more: "They are told all the same. What is still untold when the server ends is lost.",
    });
  }
  const dead = notifiers.filter((notifier) => notifier.dead > 0);
  if (dead.length > 0) {
    const count = dead.reduce((sum, notifier) => sum + notifier.dead, 0);
    const names = listed(dead.map((notifier) => `${notifier.name} (${notifier.dead})`));
    lines.push({
      key: "dead",
      shape: "failed",
      text: `${counted(count, "notification")} could not be delivered: ${names}.`,
      command: "deepguard deliveries list --dead",
    });
  }
  for (const { name, waiting, detail } of notifiers.filter((notifier) => notifier.blocked)) {
    lines.push({
      key: `blocked ${name}`,
      shape: "waiting",
      text: `${name} takes nothing now; ${counted(waiting, "notification waits", "notifications wait")}.`,
      more: sentence(detail),
    });
  }
  return lines;
}
