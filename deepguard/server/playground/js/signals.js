/** What a detector measured beside its verdict, in words. Signals that are not known here are shown by their names. */

import { decimal, plain } from "./words.js";

const LABELS = {
  size: "Picture size",
  face: "Face found",
  faces: "Number of faces",
  face_size: "Face size",
  face_share: "Face fills",
  black: "Picture is black",
  frozen: "Picture is frozen",
  speech: "Speech heard",
  speech_level_dbfs: "Speech level",
  peak_dbfs: "Loudest sound",
  clipping: "Distortion",
};

const SHARES = new Set(["face_share", "sharpness", "brightness", "clipping"]);

/** Lists signals as {key, label, value}; a width and a height become one size. */
export function measurements(signals) {
  const list = [];
  for (const [name, value] of Object.entries(signals)) {
    const [, prefix, side] = /^(.*_)?(width|height)$/.exec(name) ?? [];
    const other = side === "width" ? `${prefix ?? ""}height` : `${prefix ?? ""}width`;
    if (side && Object.hasOwn(signals, other)) {
      if (side === "height") continue;
      const key = `${prefix ?? ""}size`;
      list.push({ key, label: labelOf(key), value: value || signals[other] ? `${value} × ${signals[other]}` : "–" });
    } else {
      list.push({ key: name, label: labelOf(name), value: valueOf(name, value) });
    }
  }
  return list;
}

const labelOf = (name) => (Object.hasOwn(LABELS, name) ? LABELS[name] : plain(name));

function valueOf(name, value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value !== "number") return String(value);
  if (name.endsWith("_dbfs")) return `${decimal(value, 0)}\u00a0dB`;
  if (SHARES.has(name) && value >= 0 && value <= 1) return share(value * 100);
  return decimal(value, Number.isInteger(value) ? 0 : 2);
}

const share = (percent) => `${decimal(percent, percent > 0 && percent < 1 ? 1 : 0)}\u00a0%`;
