/** The page's shapes. Each state has a shape of its own, so that no meaning rests on colour alone. */

import { svg } from "./dom.js";

const dot = (cx, cy, r) => ["circle", { cx, cy, r, fill: "currentColor", stroke: "none" }];
const line = (d) => ["path", { d }];

const EYE = [
  line("M2.5 12C5 7.7 8.2 5.5 12 5.5s7 2.2 9.5 6.5c-2.5 4.3-5.7 6.5-9.5 6.5S5 16.3 2.5 12Z"),
  ["circle", { cx: 12, cy: 12, r: 2.8 }],
];

const SHAPES = {
  clear: [["circle", { cx: 12, cy: 12, r: 9 }], line("m8 12.4 2.8 2.8 5.4-5.8")],
  suspicious: [line("M12 3.6 21.6 20H2.4Z"), line("M12 9.5v5"), dot(12, 17.2, 1.2)],
  alert: [line("M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3Z"), line("M12 7.5v5.5"), dot(12, 16.4, 1.2)],
  watched: EYE,
  blind: [...EYE, line("m4 20 16-16")],
  error: [["circle", { cx: 12, cy: 12, r: 9 }], line("m8.8 8.8 6.4 6.4m0-6.4-6.4 6.4")],
  unknown: [["circle", { cx: 12, cy: 12, r: 9 }], line("M8 12h8")],
  camera: [["rect", { x: 2.5, y: 6.5, width: 12.5, height: 11, rx: 2 }], line("m15 11 6.5-3.8v9.6L15 13Z")],
  microphone: [
    ["rect", { x: 9, y: 2.5, width: 6, height: 11.5, rx: 3 }],
    line("M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5v4"),
  ],
  screen: [["rect", { x: 2.5, y: 4.5, width: 19, height: 12.5, rx: 2 }], line("M8 20.5h8")],
  info: [["circle", { cx: 12, cy: 12, r: 9 }], line("M12 11v5.5"), dot(12, 7.7, 1.2)],
  waiting: [["circle", { cx: 12, cy: 12, r: 9 }], line("M12 7v5.2l3.3 2")],
  delivered: [line("m4.5 12.8 4.7 4.7L19.5 7")],
  failed: [line("m6 6 12 12M18 6 6 18")],
  acknowledged: [
    ["circle", { cx: 10, cy: 8, r: 4 }],
    line("M2.8 20.2c.3-4 3.2-6.4 7.2-6.4 1.4 0 2.6.3 3.7.8m.3 4 2.5 2.5 4.7-5"),
  ],
  disagreement: [line("M4 8h13m-3.5-4 4 4-4 4M20 16H7m3.5-4-4 4 4 4")],
  policy: [line("M12 3 4.5 6v5.5c0 4.6 3 7.9 7.5 9.5 4.5-1.6 7.5-4.9 7.5-9.5V6Z"), line("M12 7.8v5"), dot(12, 16, 1.2)],
  unchosen: [["circle", { cx: 12, cy: 12, r: 9 }]],
  memory: [["rect", { x: 4, y: 4, width: 16, height: 16, rx: 2 }], line("M8 1.5V4m8-2.5V4M8 20v2.5m8-2.5v2.5M9 9h6v6H9Z")],
  hangUp: [line("M2.8 14.2c4.6-5 13.8-5 18.4 0l-2.3 3-4.2-1.7v-2.6c-1.8-.5-3.6-.5-5.4 0v2.6l-4.2 1.7Z")],
  off: [line("m3.5 3.5 17 17")],
};

/** An icon by name, decorative: the words stand beside it. `off` strikes it through. */
export function icon(name, { off = false } = {}) {
  const shapes = [...(SHAPES[name] ?? SHAPES.info), ...(off ? SHAPES.off : [])];
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    ...shapes.map(([tag, attributes]) => svg(tag, attributes)),
  );
}

/** Swaps the icon inside an element when its name changed. */
export function setIcon(node, name, options) {
  const key = `${name}${options?.off ? "-off" : ""}`;
  if (node.dataset.icon === key) return;
  node.dataset.icon = key;
  node.replaceChildren(icon(name, options));
}
