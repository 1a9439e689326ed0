/** The own camera, its buttons, and the state of the connection. */

import { el, setAttribute, setText, show } from "../dom.js";
import { icon, setIcon } from "../icons.js";

const LINK = {
  connecting: "Connecting…",
  connected: "Connected",
  interrupted: "Interrupted, connecting again…",
  lost: "Connection lost",
};

const VERB = { on: "Turn off", off: "Turn on", none: "Add" };

/** @param actions `toggle(source)`, `end()`, `reconnect()`. */
export function mountOwn(root, { toggle, end, reconnect }) {
  const video = el("video", { autoplay: true, playsinline: true, "aria-label": "Your own camera, mirrored" });
  video.muted = true;
  const cover = el("p", { class: "video-cover" });
  const buttons = ["camera", "microphone"].map((source) => deviceButton(source, toggle));
  const link = el("span", { class: "link", "data-testid": "connection-state", role: "status" });
  const results = el("span", { class: "muted" });
  const again = el("button", { type: "button", "data-testid": "reconnect", text: "Connect again", onclick: reconnect });
  const stop = el(
    "button",
    { type: "button", class: "danger", "data-testid": "end", onclick: end },
    icon("hangUp"),
    el("span", { text: "End call" }),
  );
  const note = el("p", { class: "device-note", role: "status" });
  root.append(
    el("h2", { id: "own-title", tabindex: -1, "data-focus-in": "call", text: "Your call" }),
    el("div", { class: "video-frame" }, video, cover),
    el("div", { class: "connection" }, link, results, again),
    note,
    el("div", { class: "call-buttons" }, ...buttons.map(({ node }) => node), stop),
  );
  return (state) => {
    show(root, state.phase === "call" || state.phase === "ending");
    if (video.srcObject !== state.media) video.srcObject = state.media;
    show(cover, state.devices.camera !== "on");
    setText(cover, state.devices.camera === "off" ? "Your camera is turned off" : "No camera");
    for (const { update } of buttons) update(state);
    const ending = state.phase === "ending";
    setAttribute(link, "data-link", ending ? "ending" : state.link);
    setText(link, ending ? "Ending…" : LINK[state.link]);
    setText(results, ending ? "" : hint(state));
    show(again, state.link === "lost" && !ending);
    show(note, state.deviceNote !== "");
    setText(note, state.deviceNote);
    setAttribute(stop, "disabled", ending);
  };
}

function hint({ link, stream }) {
  if (link === "lost") return "Check that deepguard is running and that the network works.";
  return link === "connected" && stream === "lost" ? "No results arrive" : "";
}

function deviceButton(source, toggle) {
  const symbol = el("span", { class: "symbol" });
  const label = el("span");
  const node = el(
    "button",
    { type: "button", "data-testid": `mute-${source}`, onclick: () => toggle(source) },
    symbol,
    label,
  );
  const update = ({ devices, phase }) => {
    const state = devices[source];
    setIcon(symbol, source, { off: state !== "on" });
    setAttribute(node, "data-device", state);
    setText(label, `${VERB[state]} ${source}`);
    setAttribute(node, "disabled", phase !== "call");
  };
  return { node, update };
}
