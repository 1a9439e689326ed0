/** Two buttons by which a person says whether an alert was right. They may change their mind. */

import { el, setAttribute, setText } from "../dom.js";
import { setIcon } from "../icons.js";
import { labelName } from "../words.js";

const CHOICES = [
  ["false-positive", "The caller was genuine: the alert was wrong"],
  ["confirmed", "The caller was not who they seemed: the alert was right"],
];

/**
 * The buttons of one alert.
 *
 * @param {string} title Which alert, for those who do not see where the buttons stand.
 * @param {function(string)} choose Called with what was said.
 */
export function buildLabels(title, choose) {
  const status = el("span", { class: "label-status muted", role: "status" });
  const buttons = CHOICES.map(([label, meaning]) => buttonOf(label, meaning, choose));
  const node = el(
    "div",
    { class: "labels", role: "group", "aria-label": `Was this alert right? ${title}`, "data-testid": "labels" },
    el("span", { class: "label-question muted", "aria-hidden": "true", text: "Was it right?" }),
    ...buttons.map((button) => button.node),
    status,
  );
  const update = ({ label = null, saving = false, problem = "" } = {}) => {
    for (const button of buttons) button.update(label);
    setAttribute(status, "data-problem", problem !== "");
    setText(status, problem || (saving ? "Saving…" : label ? "Saved." : ""));
  };
  return { node, update };
}

function buttonOf(label, meaning, choose) {
  const symbol = el("span", { class: "symbol" });
  const node = el(
    "button",
    { type: "button", class: "small", "data-testid": `label-${label}`, title: meaning, onclick: () => choose(label) },
    symbol,
    labelName(label),
  );
  const update = (chosen) => {
    setAttribute(node, "aria-pressed", String(chosen === label));
    setIcon(symbol, chosen === label ? "clear" : "unchosen");
  };
  return { node, update };
}
