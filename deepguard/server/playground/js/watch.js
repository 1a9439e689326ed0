/** What may be claimed of a track or participant right now. A track that is not watched is never claimed clear. */

import { listed, reasonText, sourceName } from "./words.js";

/** Whether what the page knows is fresh. */
export function sightOf({ link, stream, ended }) {
  if (ended) return { fresh: false, text: "The call is over." };
  if (link === "connecting") return { fresh: false, text: "The call is still connecting." };
  if (link !== "connected") return { fresh: false, text: "The connection to the server is interrupted." };
  if (stream !== "open") return { fresh: false, text: "No results are arriving from the server." };
  return { fresh: true, text: "" };
}

/** A track as it may be shown: {watched, level, reason}. */
export function viewTrack(track, sight) {
  if (!sight.fresh) return { watched: false, level: track.level, reason: sight.text };
  if (!track.coverage.covered) return { watched: false, level: track.level, reason: reasonText(track.coverage) };
  return { watched: true, level: track.level, reason: "" };
}

/** A participant as they may be shown: {covered: "true" | "partial" | "false", level, text}. */
export function viewParticipant(participant, sight) {
  const tracks = [...participant.tracks.values()];
  const watched = tracks.filter((track) => viewTrack(track, sight).watched);
  const blind = tracks.filter((track) => !watched.includes(track));
  const level = participant.level;
  if (!sight.fresh) return { covered: "false", level, text: sight.text };
  if (watched.length === 0) return { covered: "false", level, text: commonReason(blind) };
  const names = (list) => listed(list.map((track) => sourceName(track.source).toLowerCase()));
  if (blind.length === 0) return { covered: "true", level, text: `Watched: ${names(watched)}.` };
  return { covered: "partial", level, text: `Partly watched: ${names(watched)} only, not ${names(blind)}.` };
}

function commonReason(tracks) {
  if (tracks.length === 0) return "No camera or microphone has arrived yet.";
  const reasons = new Set(tracks.map((track) => reasonText(track.coverage)));
  if (reasons.size === 1) return [...reasons][0];
  return tracks.map(namedReason).join(" ");
}

function namedReason({ source, coverage }) {
  const name = sourceName(source);
  const reason = reasonText(coverage);
  return reason.toLowerCase().includes(name.toLowerCase()) ? reason : `${name}: ${reason}`;
}

const ORDER = ["camera", "microphone", "screen"];

/** A participant's tracks, always in the same order. */
export function tracksInOrder({ tracks }) {
  const rank = ({ source }) => (ORDER.includes(source) ? ORDER.indexOf(source) : ORDER.length);
  return [...tracks.values()].sort((one, other) => rank(one) - rank(other));
}
