/** Where everything on the time line goes: a pure function of the call's state, the time and the width. */

import { tracksInOrder } from "../watch.js";
import { judgementName, levelName, reasonText, sourceName } from "../words.js";

export const LANE = 44;
const TOP = 46;
const LANE_GAP = 28;
const BOTTOM = 6;
const DOT_SLOT = 9; // dots nearer than this would cover each other: the worst of them is shown
const WORST_FIRST = ["alert", "suspicious", "error", "clear", "unknown"];

/**
 * Lays the last `seconds` before `now` out over `width` pixels. From `unseenSince` on, where given, nothing is known.
 * `over`: the call has ended at `now`.
 *
 * @returns {{width, height, lanes: [{label, y, blinds, bands, dots}], marks, ticks}} x in pixels from the left.
 */
export function layOut(guard, { now, seconds, width, unseenSince = null, over = false }) {
  const begin = now - seconds;
  const place = (at) => ((Math.min(now, Math.max(begin, at)) - begin) / seconds) * width;
  const lanes = [];
  const named = guard.participants.size > 1;
  for (const participant of guard.participants.values()) {
    for (const track of tracksInOrder(participant)) {
      const name = sourceName(track.source);
      const blinds = spans(coveragesSeen(track, unseenSince), now, begin, place)
        .filter(({ entry }) => !entry.covered)
        .map(({ entry, ...box }) => ({ ...box, text: reasonText(entry) }));
      lanes.push({
        label: named ? `${name}, ${participant.id}` : name,
        y: TOP + lanes.length * (LANE + LANE_GAP),
        bands: spans(levelsSeen(track), now, begin, place).flatMap(({ entry: { level }, ...box }) =>
          (level === "clear" ? without(box, blinds) : [box]).map((part) => ({ ...part, level })),
        ),
        blinds,
        dots: thin(track.dots.filter(({ at }) => at >= begin && at <= now), (seconds / width) * DOT_SLOT, place),
      });
    }
  }
  const taken = guard.transitions.filter(({ kind }) => kind === "acknowledged").map(titled);
  const marks = [...guard.notifications, ...taken]
    .filter(({ at }) => at >= begin && at <= now)
    .map(({ at, kind, title, id }) => ({ x: place(at), at, kind, title, id }));
  return { width, height: TOP + lanes.length * (LANE + LANE_GAP) - LANE_GAP + BOTTOM, lanes, marks, ticks: ticks(seconds, width, over) };
}

const titled = (transition) => ({ ...transition, title: `By ${transition.by}.` });

/** In words, for whoever cannot see it. */
export function describe(guard, { now, seconds }) {
  const parts = [];
  for (const participant of guard.participants.values()) {
    for (const track of participant.tracks.values()) {
      const dots = track.dots.filter(({ at }) => at >= now - seconds);
      const counts = WORST_FIRST.map((judgement) => [judgement, dots.filter((dot) => dot.judgement === judgement).length])
        .filter(([, count]) => count > 0)
        .map(([judgement, count]) => `${count} × ${judgementName(judgement).toLowerCase()}`);
      const state = track.coverage.covered ? levelName(track.level).toLowerCase() : "not watched";
      parts.push(`${sourceName(track.source)}: ${state}; ${counts.length > 0 ? counts.join(", ") : "no checks"}.`);
    }
  }
  return parts.join(" ");
}

/** Nothing is claimed of the time before it was known whether the track was watched. */
function levelsSeen({ levels, coverages }) {
  const since = coverages[0]?.at ?? Infinity;
  return levels.map((entry) => (entry.at < since ? { ...entry, at: since } : entry));
}

function coveragesSeen({ coverages }, unseenSince) {
  if (unseenSince === null) return coverages;
  const unseen = { at: unseenSince, covered: false, reason: null, text: "No results arrive." };
  return [...coverages.filter(({ at }) => at < unseenSince), unseen];
}

function spans(entries, now, begin, place) {
  return entries
    .map((entry, index) => ({ entry, from: entry.at, to: entries[index + 1]?.at ?? now }))
    .filter(({ from, to }) => to > begin && from <= now)
    .map(({ entry, from, to }) => ({ entry, x: place(from), width: place(to) - place(from) }));
}

/** What is left of a box where nothing is blind. */
function without(box, blinds) {
  let parts = [box];
  for (const { x, width } of blinds) {
    parts = parts
      .flatMap((part) => [
        { x: part.x, width: Math.min(part.width, x - part.x) },
        { x: Math.max(part.x, x + width), width: Math.min(part.width, part.x + part.width - x - width) },
      ])
      .filter((part) => part.width > 0);
  }
  return parts;
}

function thin(dots, slotSeconds, place) {
  const slots = new Map();
  for (const dot of dots) {
    // Slots are cut in absolute time, so that dots do not jump from slot to slot while they move left.
    const slot = Math.floor(dot.at / slotSeconds);
    const known = slots.get(slot);
    if (!known || WORST_FIRST.indexOf(dot.judgement) <= WORST_FIRST.indexOf(known.judgement)) slots.set(slot, dot);
  }
  return [...slots.values()].map((dot) => ({ ...dot, x: place(dot.at) }));
}

function ticks(seconds, width, over) {
  const [last, past] = over ? ["end", "before"] : ["now", "ago"];
  const list = [];
  for (let back = 0; back <= seconds; back += 30) {
    const label = back === 0 ? last : back % 60 === 0 ? `${back / 60} min ${past}` : "";
    const x = width - (back / seconds) * width;
    if (label || width >= 480) list.push({ x, label });
  }
  return list;
}
