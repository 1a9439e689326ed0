/** Which alert policy decides on the call, whether it failed, and what others that run beside it would have done. */

import { el, keepList, setAttribute, setText, show } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { sightOf, viewParticipant } from "../watch.js";
import { counted, levelName, sentence } from "../words.js";

const BUILT_IN = "built in";

/** In a call: that its own policy failed, why, and what decides instead. */
export function mountPolicyFailure(root) {
  const detail = el("p", { class: "muted untrusted" });
  const words = "The alert policy of this call failed. The built-in one decides until the call ends.";
  const text = el("p", {});
  root.append(icon("policy"), el("div", {}, text, detail));
  return ({ phase, guard: { policy } }) => {
    const failed = (phase === "call" || phase === "ending") && policy?.failed === true;
    show(root, failed);
    setText(text, failed ? words : "");
    setText(detail, failed ? sentence(policy.reason) : "");
  };
}

/**
 * The policies one below the other. Nothing is shown where the built-in one is alone and well.
 *
 * The roles are said, since on a narrow screen the rows are no longer laid out as a table's.
 */
export function mountPolicies(root) {
  const rows = el("tbody", { role: "rowgroup" });
  const columns = ["Policy", "Level now", "Alerts"].map((text) => el("th", { scope: "col", role: "columnheader", text }));
  root.append(
    el("h2", { id: "policies-title", text: "Policies" }),
    el(
      "table",
      { role: "table", "aria-labelledby": "policies-title" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...columns)),
      rows,
    ),
  );
  return (state) => {
    const { policy, shadows } = state.guard;
    const worth = policy !== null && (shadows.length > 0 || policy.failed || policy.origin !== BUILT_IN);
    show(root, worth);
    if (worth) keepList(rows, [liveRow(state), ...shadows.map((shadow) => shadowRow(state, shadow))], keyOf, row);
  };
}

const keyOf = ({ key }) => key;

function liveRow(state) {
  const { policy, participants, opened } = state.guard;
  const origin = policy.failed ? `${BUILT_IN}, in the place of ${policy.origin}` : policy.origin;
  const open = [...participants.values()].filter(({ incident }) => incident).length;
  return {
    key: "live", // shadows have keys with a space
    name: "Live",
    tag: "Decides",
    origin,
    levels: levelsOf(state, (participant) => participant.level),
    alerts: `${opened.length} opened`,
    more: some(open, "open now"),
    failed: false,
  };
}

function shadowRow(state, { name, origin, failed, reason, opened, participants }) {
  const known = new Map(participants.map(({ id, level }) => [id, level]));
  const open = participants.filter(({ is_open: isOpen }) => isOpen).length;
  return {
    key: `shadow ${name}`,
    name,
    tag: "Shadow",
    origin,
    levels: failed ? [] : levelsOf(state, ({ id }) => known.get(id) ?? "clear"),
    alerts: failed ? `Ended: ${sentence(reason)}` : `Would have opened ${opened}`,
    more: failed ? `It would have opened ${counted(opened, "alert")} until then.` : some(open, "would be open now"),
    failed,
  };
}

const some = (count, words) => (count > 0 ? `${count} ${words}` : "");

/** A level for each participant, as it may be shown: whoever is not watched is not clear for any policy. */
function levelsOf(state, levelOf) {
  if (!["call", "ending"].includes(state.phase)) return [];
  const participants = [...state.guard.participants.values()];
  return participants.map((participant) => {
    const level = levelOf(participant);
    const { covered } = viewParticipant(participant, sightOf(state));
    return { id: participant.id, level, covered, named: participants.length > 1 };
  });
}

function row({ key, name, tag }) {
  const origin = el("span", { class: "policy-origin muted untrusted" });
  const levels = el("ul", { class: "policy-levels" });
  const none = el("span", { class: "muted", text: "–" });
  const alerts = el("span", { class: "untrusted" });
  const more = el("span", { class: "policy-more muted" });
  const levelCell = el("td", { role: "cell" }, levels, none);
  const alertCell = el("td", { role: "cell" }, alerts, more);
  const node = el(
    "tr",
    { role: "row", "data-testid": key === "live" ? "policy-live" : "policy-shadow" },
    el(
      "th",
      { scope: "row", role: "rowheader" },
      el(
        "span",
        { class: "policy-name" },
        el("strong", { class: "untrusted", text: name }),
        el("span", { class: "tag", text: tag }),
      ),
      origin,
    ),
    levelCell,
    alertCell,
  );
  const update = (told) => {
    setAttribute(node, "data-failed", told.failed);
    setText(origin, told.origin.replace(/^built in/, "Built in"));
    show(levelCell, !told.failed);
    setAttribute(alertCell, "colspan", told.failed ? 2 : null);
    show(none, told.levels.length === 0);
    keepList(levels, told.levels, ({ id }) => id, levelChip);
    setText(alerts, told.alerts);
    setText(more, told.more);
  };
  return { node, update };
}

function levelChip() {
  const who = el("span", { class: "untrusted" });
  const symbol = el("span", { class: "symbol" });
  const words = el("span");
  const last = el("span", { class: "policy-more muted" });
  const node = el("li", {}, who, el("span", { class: "chip" }, symbol, words), last);
  const update = ({ id, level, covered, named }) => {
    const watched = covered !== "false";
    setAttribute(node, "data-level", level);
    setAttribute(node, "data-covered", covered);
    setText(who, named ? id : "");
    show(who, named);
    setIcon(symbol, watched ? level : "blind");
    setText(words, watched ? levelName(level) : "Not watched");
    setText(last, watched || level === "clear" ? "" : `Last: ${levelName(level)}`);
  };
  return { node, update };
}
