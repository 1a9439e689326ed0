/** Across the page: alerts that could not be delivered, and what keeps others from being delivered. */

import { el, keepList, setText, show } from "../dom.js";
import { setIcon } from "../icons.js";
import { counted, listed, sentence } from "../words.js";

/** Destinations that are named one by one; more of them would push the level off a small screen. */
const NAMED = 2;

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
  const blocked = notifiers.filter((notifier) => notifier.blocked);
  if (blocked.length > NAMED) {
    const count = blocked.reduce((sum, notifier) => sum + notifier.waiting, 0);
    const names = listed(blocked.map((notifier) => notifier.name));
    lines.push({
      key: "blocked",
      shape: "waiting",
      text: `${names} take nothing now; ${counted(count, "notification waits", "notifications wait")}.`,
      command: "deepguard deliveries list",
    });
    return lines;
  }
  for (const { name, waiting, detail } of blocked) {
    lines.push({
      key: `blocked ${name}`,
      shape: "waiting",
      text: `${name} takes nothing now; ${counted(waiting, "notification waits", "notifications wait")}.`,
      more: sentence(detail),
    });
  }
  return lines;
}
