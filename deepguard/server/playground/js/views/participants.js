/** Each participant's level, big, with their tracks. */

import { el, keepList, setAttribute, setText, show } from "../dom.js";
import { setIcon } from "../icons.js";
import { serverNow } from "../state.js";
import { sightOf, tracksInOrder, viewParticipant } from "../watch.js";
import { clockTime, duration, levelMeaning, levelName } from "../words.js";
import { buildTrack } from "./track.js";

/** Shows all participants of the call. */
export function mountParticipants(root) {
  const waiting = el("p", { class: "card muted", text: "Waiting for the first result…" });
  const list = el("div", { class: "participant-list" });
  root.append(waiting, list);
  return (state) => {
    const live = state.phase === "call" || state.phase === "ending";
    show(root, live);
    if (!live) return;
    const participants = [...state.guard.participants.values()];
    show(waiting, participants.length === 0);
    const context = {
      sight: sightOf(state),
      now: serverNow(state.guard, Date.now() / 1000),
      assesses: state.guard.detector?.assesses_deepfakes !== false,
      judge: state.guard.detector?.type,
      named: participants.length > 1,
    };
    keepList(
      list,
      participants.map((participant) => ({ participant, context })),
      ({ participant }) => participant.id,
      buildParticipant,
    );
  };
}

function buildParticipant() {
  const symbol = el("span", { class: "symbol" });
  const who = el("h2", { class: "who untrusted" });
  const level = el("p", { class: "level-name" });
  const meaning = el("p", { class: "level-meaning" });
  const watched = el("p", { class: "level-watched" });
  const tags = el("p", { class: "tags untrusted" });
  const hero = el(
    "div",
    { class: "level", "data-testid": "participant-level" },
    symbol,
    el("div", { class: "level-text" }, who, level, meaning, watched, tags),
  );
  const tracks = el("div", { class: "tracks" });
  const node = el("section", { class: "participant" }, hero, tracks);
  const update = ({ participant, context }) => {
    const { covered, level: known, text } = viewParticipant(participant, context.sight);
    const watchedNow = covered !== "false";
    setAttribute(hero, "data-level", known);
    setAttribute(hero, "data-covered", covered);
    setAttribute(node, "aria-label", context.named ? `Caller ${participant.id}` : "Caller");
    setIcon(symbol, watchedNow ? known : "blind");
    setText(who, context.named ? participant.id : "Caller");
    setText(level, watchedNow ? levelName(known) : "Not watched");
    setText(meaning, watchedNow ? levelMeaning(known) : text);
    setText(watched, watchedNow ? text : "");
    setText(tags, tagsOf(participant, watchedNow, context.now).join(" · "));
    keepList(
      tracks,
      tracksInOrder(participant).map((track) => ({ track, context })),
      ({ track }) => track.source,
      ({ track }) => buildTrack(track.source),
    );
  };
  return { node, update };
}

function tagsOf({ level, since, incident, acknowledged }, watched, now) {
  const tags = [];
  if (!watched && level !== "clear") tags.push(`Last level while watched: ${levelName(level)}`);
  if (watched && since !== null) tags.push(`Since ${clockTime(since)} (${duration(now - since)})`);
  if (incident) tags.push(acknowledged ? `An alert is open, acknowledged by ${acknowledged.by}` : "An alert is open");
  return tags;
}
