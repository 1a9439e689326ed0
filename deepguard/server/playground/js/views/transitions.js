/** Every change of level and of being watched, and who took an alert over; newest first. */

import { el, keepList, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { clockTime, levelName, reasonText, sentence, sourceName, toldLevel } from "../words.js";

/** A list that grows at the top. */
export function mountTransitions(root) {
  const empty = el("p", { class: "muted", text: "Nothing has changed yet." });
  const list = el("ol", { class: "log", tabindex: 0, "aria-labelledby": "transitions-title" });
  root.append(el("h2", { id: "transitions-title", text: "What changed" }), empty, list);
  let shown = null;
  return ({ guard }) => {
    if (guard.transitions === shown) return;
    shown = guard.transitions;
    show(empty, shown.length === 0);
    show(list, shown.length > 0);
    const named = guard.participants.size > 1;
    keepList(
      list,
      shown.toReversed().map((transition) => ({ ...transition, named })),
      ({ id }) => id,
      entry,
    );
  };
}

function entry(transition) {
  const { at, named, participant } = transition;
  const { shape, words, more } = WORDS[transition.kind](transition);
  const heading = el("p", {}, el("strong", { text: words }));
  const who = named ? `${participant}. ` : "";
  const detail = el("p", { class: "muted untrusted" });
  setText(detail, `${who}${more}`);
  show(detail, detail.textContent !== "");
  return {
    node: el(
      "li",
      { "data-state": shape },
      el("span", { class: "symbol" }, icon(shape)),
      el("div", {}, heading, detail),
      el("time", { text: clockTime(at) }),
    ),
  };
}

function levelWords({ source, before, after, cause, covered }) {
  const subject = source ? sourceName(source) : "Caller";
  const shape = after === "clear" && covered === false ? "blind" : after;
  return { shape, words: `${subject}: ${levelName(before)} → ${toldLevel(after, covered)}`, more: sentence(cause) };
}

function coverageWords({ source, coverage }) {
  if (coverage.covered) return { shape: "watched", words: `${sourceName(source)}: watched`, more: "" };
  return { shape: "blind", words: `${sourceName(source)}: not watched`, more: reasonText(coverage) };
}

const acknowledgedWords = ({ by }) => ({ shape: "acknowledged", words: "Alert acknowledged", more: `By ${by}.` });

const WORDS = { level: levelWords, coverage: coverageWords, acknowledged: acknowledgedWords };
