/** The page's one value: what the person did, the connection, and what the server told. */

import { NOTHING } from "./state.js";

/** No call yet. */
export const IDLE = Object.freeze({
  phase: "start", // start, opening, call, ending, ended
  step: "", // what is being waited for while opening
  problem: null, // see problems.js
  link: "connecting", // connecting, connected, interrupted, lost
  stream: "lost", // open, lost
  media: null, // the MediaStream of the own devices
  devices: { camera: "none", microphone: "none" }, // on, off, none
  deviceNote: "",
  messages: { count: 0, latest: [] },
  guard: NOTHING,
  labels: {}, // by incident: {label, saving, problem}
  ended: null, // {text} once it is over
});

/** What outlasts a call. */
export const AROUND = Object.freeze({
  info: null, // what the server is, see api.js
  alerts: null, // how alerts fare, see alerts.js
});

/** A value that can be replaced in part; `changed` is called after each replacement. */
export function createStore(initial, changed) {
  let value = initial;
  return {
    get: () => value,
    set(part) {
      value = { ...value, ...part };
      changed(value);
    },
  };
}
