/** One track's card: its level or why it is not watched, the last check, what was measured, and the sample counts. */

import { el, keepList, setAttribute, setText, show } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { measurements } from "../signals.js";
import { viewTrack } from "../watch.js";
import { ago, checkName, decimal, levelName, sourceName } from "../words.js";

const COUNTS = [
  ["taken", "Samples", "Pictures or pieces of sound taken from the call"],
  ["judged", "Judged", "Answered by the detector"],
  ["expired", "Expired", "Handed over, but not answered in time"],
  ["dropped", "Dropped", "Never handed over: a newer one took its place, or the detector was away"],
];

/** Builds the card of a source; its `update` takes {track, context: {sight, now, assesses, judge}}. */
export function buildTrack(source) {
  const status = el("span", { class: "chip-text" });
  const symbol = el("span", { class: "symbol" });
  const reason = el("p", { class: "track-reason untrusted" });
  const disagreement = el("span", { class: "untrusted" });
  const disputed = el("p", { class: "disagreement" }, icon("disagreement"), disagreement);
  const check = lastCheck();
  const signals = el("dl", { class: "signals" });
  const counts = el("dl", { class: "counts" });
  const node = el(
    "article",
    { class: "card track", "data-testid": `track-${source}`, "aria-label": sourceName(source) },
    el(
      "div",
      { class: "track-head" },
      el("h3", {}, icon(source), sourceName(source)),
      el("p", { class: "chip" }, symbol, status),
    ),
    reason,
    disputed,
    check.node,
    signals,
    counts,
  );
  const update = ({ track, context }) => {
    const view = viewTrack(track, context.sight);
    setAttribute(node, "data-level", track.level);
    setAttribute(node, "data-covered", String(view.watched));
    setIcon(symbol, view.watched ? view.level : "blind");
    setText(status, view.watched ? levelName(view.level) : "Not watched");
    show(reason, !view.watched);
    setText(reason, view.watched ? "" : withLastLevel(view));
    // What they say of a track that is not watched is old.
    const differ = view.watched && track.disagreement !== "";
    show(disputed, differ);
    setText(disagreement, differ ? `The detectors disagree: ${track.disagreement}` : "");
    check.update(track.verdict, context);
    const measured = measurements(track.verdict?.signals ?? {});
    show(signals, measured.length > 0);
    keepList(signals, measured, ({ key }) => key, measurement);
    show(counts, track.samples !== null);
    keepList(counts, track.samples ? COUNTS.map((count) => [...count, track.samples]) : [], ([key]) => key, countOf);
  };
  return { node, update };
}

const withLastLevel = ({ reason, level }) =>
  level === "clear" ? reason : `${reason} Last level while watched: ${levelName(level)}.`;

function lastCheck() {
  const by = el("span", { class: "untrusted" });
  const judgement = el("strong");
  const when = el("span", { class: "muted" });
  const message = el("p", { class: "track-message untrusted" });
  const fill = el("span", { class: "score-fill" });
  const score = el("span");
  const scale = el(
    "div",
    { class: "score", title: "0 is genuine, 1 is fake" },
    el("span", { class: "muted", text: "Fake score" }),
    el("span", { class: "score-bar", "aria-hidden": "true" }, fill),
    score,
  );
  const node = el("div", { class: "check" }, el("p", {}, "Last check", by, ": ", judgement, " ", when), message, scale);
  const update = (verdict, { now, assesses, judge }) => {
    // Where several detectors judge, the check is one of theirs.
    setText(by, verdict && verdict.detector !== judge ? ` by ${verdict.detector}` : "");
    setText(judgement, verdict ? checkName(verdict.judgement, assesses) : "none yet");
    setText(when, verdict ? ago(now - verdict.at) : "");
    setText(message, verdict?.message ?? "");
    show(message, Boolean(verdict?.message));
    const scored = typeof verdict?.score === "number";
    show(scale, scored);
    if (!scored) return;
    setText(score, decimal(verdict.score, 2));
    fill.style.width = `${Math.min(1, Math.max(0, verdict.score)) * 100}%`;
  };
  return { node, update };
}

function measurement({ label }) {
  const shown = el("dd", { class: "untrusted" });
  const node = el("div", {}, el("dt", { class: "untrusted", text: label }), shown);
  return { node, update: ({ value }) => setText(shown, value) };
}

function countOf([key, label, title]) {
  const shown = el("dd");
  const node = el("div", { title }, el("dt", { text: label }), shown);
  return { node, update: ([, , , samples]) => setText(shown, String(samples[key] ?? 0)) };
}
