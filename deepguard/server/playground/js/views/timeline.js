/** The last minutes as a picture: a lane for each track, a mark for each check, bands for levels. */

import { el, setAttribute, setText, show, svg } from "../dom.js";
import { serverNow } from "../state.js";
import { sightOf } from "../watch.js";
import { clockTime, decimal, judgementName, kindName, levelName } from "../words.js";
import { LANE, describe, layOut } from "./timeline-layout.js";

const RANGES = [
  [120, "2 min"],
  [300, "5 min"],
];
const PAD = 10;
const BAND = { clear: 6, suspicious: 0.5 * LANE, alert: LANE };
const HEIGHT_OF = { clear: 0.72, suspicious: 0.45, alert: 0.2, error: 0.45, unknown: 0.72 };
const ACKNOWLEDGED = "m-6.5 0 2-2.2 3 2.9 6-6.2 2 2-8 8.5Z";
const LEGEND = ["clear", "suspicious", "alert", "error", "unknown"];

/** Draws the time line into a section. */
export function mountTimeline(root) {
  const picture = svg("svg", { class: "timeline", role: "img" });
  const empty = el("p", { class: "muted", text: "The first check has not been made yet." });
  let seconds = RANGES[0][0];
  let last = null;
  const choices = RANGES.map(([length, label]) =>
    el("button", {
      type: "button",
      class: "small",
      "aria-pressed": String(length === seconds),
      text: label,
      onclick: () => {
        seconds = length;
        for (const [index, choice] of choices.entries()) {
          setAttribute(choice, "aria-pressed", String(RANGES[index][0] === seconds));
        }
        draw(last);
      },
    }),
  );
  const frame = el("div", { class: "timeline-frame" }, picture);
  root.append(
    el(
      "div",
      { class: "section-head" },
      el("h2", { id: "timeline-title", text: "Time line" }),
      el("div", { class: "buttons", role: "group", "aria-label": "How much to show" }, ...choices),
    ),
    empty,
    frame,
    legend(),
  );
  let unseenSince = null;
  let frozen = null;

  function draw(state) {
    last = state;
    const present = serverNow(state.guard, Date.now() / 1000);
    if (state.phase !== "ended") frozen = null;
    else frozen ??= state.guard.ended?.at ?? present;
    const now = frozen ?? present;
    unseenSince = frozen !== null || sightOf(state).fresh ? null : (unseenSince ?? now);
    const width = Math.max(120, frame.clientWidth - 2 * PAD);
    const layout = layOut(state.guard, { now, seconds, width, unseenSince, over: frozen !== null });
    show(empty, layout.lanes.length === 0);
    show(frame, layout.lanes.length > 0);
    setAttribute(picture, "viewBox", `${-PAD} 0 ${width + 2 * PAD} ${layout.height}`);
    setAttribute(picture, "height", layout.height);
    setAttribute(picture, "aria-label", describe(state.guard, { now, seconds }));
    const drawn = [hatching(), ...layout.ticks.map((tick) => drawTick(tick, layout))];
    for (const lane of layout.lanes) drawn.push(drawLane(lane, width));
    drawn.push(...layout.marks.map((mark) => drawMark(mark, layout)));
    picture.replaceChildren(...drawn);
  }

  return (state) => {
    if (["call", "ending", "ended"].includes(state.phase)) draw(state);
  };
}

function hatching() {
  const pattern = { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  return svg(
    "defs",
    {},
    svg(
      "pattern",
      pattern,
      svg("rect", { class: "hatch-ground", width: 8, height: 8 }),
      svg("rect", { class: "hatch-line", width: 2.5, height: 8 }),
    ),
  );
}

function drawTick({ x, label }, { height, width }) {
  const anchor = x === width ? "end" : x === 0 ? "start" : "middle";
  return svg(
    "g",
    { class: "tick" },
    svg("line", { x1: x, x2: x, y1: 18, y2: height }),
    label ? svg("text", { x, y: 12, "text-anchor": anchor, text: label }) : null,
  );
}

function drawLane({ label, y, bands, blinds, dots }, width) {
  return svg(
    "g",
    { transform: `translate(0 ${y})` },
    svg("text", { class: "lane-label", x: 0, y: -7, text: label }),
    svg("rect", { class: "lane", x: 0, y: 0, width, height: LANE, rx: 4 }),
    ...bands.map((band) => drawBand(band)),
    ...blinds.map(({ x, width: wide, text }) =>
      svg("rect", { class: "blind", x, y: 0, width: wide, height: LANE, fill: "url(#hatch)" }, tip(`Not watched: ${text}`)),
    ),
    ...dots.map((dot) => drawDot(dot)),
  );
}

function drawBand({ x, width, level }) {
  const height = BAND[level] ?? LANE;
  return svg(
    "rect",
    { class: "band", "data-level": level, x, y: LANE - height, width, height },
    tip(`Level: ${levelName(level)}`),
  );
}

function drawDot({ x, at, judgement, score }) {
  const scored = typeof score === "number" ? `, fake score ${decimal(score, 2)}` : "";
  return svg(
    "g",
    { transform: `translate(${x} ${(HEIGHT_OF[judgement] ?? 0.5) * LANE})` },
    shapeOf(judgement),
    tip(`${clockTime(at)}: ${judgementName(judgement)}${scored}`),
  );
}

function drawMark({ x, at, kind, title }, { height }) {
  return svg(
    "g",
    { class: "mark", "data-kind": kind, transform: `translate(${x} 0)` },
    svg("line", { x1: 0, x2: 0, y1: 18, y2: height }),
    kind === "acknowledged" ? svg("path", { d: ACKNOWLEDGED, transform: "translate(0 20)" }) : svg("path", { d: "M-6 17h12l-6 9Z" }),
    tip(`${clockTime(at)}: ${kindName(kind)}. ${title}`),
  );
}

const tip = (text) => svg("title", { text });

/** Small shapes, one for each judgement. */
function shapeOf(judgement) {
  const shapes = {
    clear: ["circle", { r: 3.5 }],
    suspicious: ["path", { d: "M0-5.5 5.8 4.5H-5.8Z" }],
    alert: ["path", { d: "M0-6.5 6.5 0 0 6.5-6.5 0Z" }],
    error: ["path", { d: "m-4-4 8 8m0-8-8 8" }],
    unknown: ["circle", { r: 3 }],
  };
  const [tag, attributes] = shapes[judgement] ?? shapes.unknown;
  return svg(tag, { ...attributes, class: "dot", "data-judgement": judgement });
}

function legend() {
  const sample = (shape) => svg("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, shape);
  const band = (attributes) => svg("rect", { x: -7.5, y: -6, width: 15, height: 12, ...attributes });
  const entries = [
    ...LEGEND.map((judgement) => [shapeOf(judgement), judgementName(judgement)]),
    [band({ class: "band", "data-level": "clear", y: 2, height: 4 }), "Level clear"],
    [band({ class: "band", "data-level": "suspicious" }), "Level raised"],
    [band({ class: "blind", fill: "url(#hatch)" }), "Not watched"],
    [svg("path", { class: "legend-mark", d: "M-6-5h12L0 5Z" }), "Notification"],
    [svg("path", { class: "legend-mark", "data-kind": "acknowledged", d: ACKNOWLEDGED }), "Acknowledged"],
  ];
  return el(
    "ul",
    { class: "legend", "aria-hidden": "true" },
    ...entries.map(([shape, text]) => el("li", {}, sample(shape), el("span", { text }))),
  );
}
