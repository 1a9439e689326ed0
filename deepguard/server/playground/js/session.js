/** One guarded call from the button to its end: devices, session, connection, live events. */

import * as api from "./api.js";
import { Call } from "./call.js";
import { DeviceProblem, openDevices } from "./devices.js";
import { deviceProblem, serverProblem } from "./problems.js";
import { NOTHING, advance } from "./state.js";
import { IDLE } from "./store.js";
import { followEvents } from "./stream.js";

const NOT_LABELLED = { label: null, saving: false, problem: "" };
const MAX_MESSAGES = 20;
const GOODBYE_MS = 4_000;
const GONE = new Set([404, 409, 410]);

/** Runs calls one after the other; everything it does shows in the store. */
export class Session {
  #store;
  #onLive;
  #id = null;
  #call = null;
  #unfollow = null;
  #goodbye = 0;
  #labelling = Promise.resolve();

  /**
   * @param store See store.js.
   * @param {function(event)} onLive Told of each live event after it was taken in.
   */
  constructor(store, onLive) {
    this.#store = store;
    this.#onLive = onLive;
  }

  /** Starts a call with the wanted sources. */
  async start(wanted) {
    if (["opening", "call", "ending"].includes(this.#store.get().phase)) return;
    this.#store.set({ ...IDLE, phase: "opening", step: `Waiting for permission to use the ${wanted.join(" and ")}…` });
    let media;
    try {
      media = await openDevices(wanted);
      this.#store.set({ step: "Starting the call…" });
      const { sessionId, iceConfig } = await api.startSession();
      this.#enter(sessionId, media);
      const iceServers = iceConfig?.iceServers ?? this.#store.get().info?.ice_servers ?? [];
      const call = new Call(sessionId, iceServers, {
        link: (link) => call === this.#call && this.#store.set({ link }),
        message: (message) => this.#count(message),
        left: () => this.#waitForReason({ text: "The server closed the connection.", own: false }),
        refused: (error) => this.#refused(error),
      });
      this.#call = call;
      await call.open(media);
      if (call === this.#call) this.#follow(sessionId);
    } catch (error) {
      this.#release(media);
      if (this.#store.get().phase === "ended") return; // ended by hand meanwhile
      const problem = error instanceof DeviceProblem ? deviceProblem(error) : serverProblem(error, wanted);
      this.#store.set({ ...IDLE, problem });
      if (!(error instanceof DeviceProblem || error instanceof api.ApiError)) throw error;
    }
  }

  /** Ends the call and waits briefly for what the server says to it. */
  end() {
    if (this.#store.get().phase !== "call") return;
    this.#call?.close();
    this.#waitForReason({ text: "You ended the call.", own: true });
  }

  /** The page goes away: nothing can be waited for. */
  leave() {
    if (this.#call) this.#finish("You left the page.");
  }

  /** Connects again after the connection was lost. */
  reconnect() {
    this.#call?.reconnect();
  }

  /** Turns a source on or off, or opens its device when there was none. */
  async toggle(source) {
    const { devices } = this.#store.get();
    if (devices[source] === "none") {
      await this.#add(source);
    } else {
      const enabled = devices[source] === "off";
      this.#call?.setEnabled(source, enabled);
      this.#setDevice(source, enabled ? "on" : "off");
    }
  }

  /** Changes sampling of this call; raises ApiError. */
  async changeSampling(change) {
    const changed = await api.changeSampling(this.#id, change);
    const { guard } = this.#store.get();
    this.#store.set({ guard: { ...guard, sampling: { ...guard.sampling, ...changed } } });
  }

  /** Says of an incident of this call whether it was right, also after the call; what was said last counts. */
  label(incident, label) {
    const id = this.#id;
    const change = (part) => {
      if (id !== this.#id) return; // another call by now
      const { labels } = this.#store.get();
      this.#store.set({ labels: { ...labels, [incident]: { ...(labels[incident] ?? NOT_LABELLED), ...part } } });
    };
    change({ saving: true, problem: "" });
    // One after the other: the server must not take a change of mind before what it changes.
    const turn = this.#labelling.then(async () => {
      try {
        change({ ...(await api.labelIncident(id, incident, label)), saving: false });
      } catch (error) {
        if (!(error instanceof api.ApiError)) throw error;
        change({ saving: false, problem: error.message || "The server did not take it." });
      }
    });
    this.#labelling = turn.catch(() => {});
    return turn;
  }

  #enter(id, media) {
    this.#id = id;
    for (const track of media.getTracks()) this.#watchDevice(track);
    const devices = {
      camera: media.getVideoTracks().length > 0 ? "on" : "none",
      microphone: media.getAudioTracks().length > 0 ? "on" : "none",
    };
    this.#store.set({ phase: "call", step: "", link: "connecting", media, devices, guard: NOTHING });
  }

  #follow(id) {
    this.#unfollow = followEvents(
      api.eventsUrl(id),
      (event) => {
        const guard = advance(this.#store.get().guard, event, Date.now() / 1000);
        this.#store.set({ guard });
        this.#onLive(event);
        if (guard.ended) this.#finish(guard.ended.text);
      },
      (stream) => this.#streamChanged(stream),
    );
  }

  #streamChanged(stream) {
    this.#store.set({ stream });
    if (stream === "lost" && this.#store.get().phase === "ending") this.#finish();
  }

  #count(message) {
    const { count, latest } = this.#store.get().messages;
    const entry = { number: count + 1, at: Date.now() / 1000, message };
    this.#store.set({ messages: { count: count + 1, latest: [...latest, entry].slice(-MAX_MESSAGES) } });
  }

  #refused(error) {
    if (GONE.has(error.status)) this.#finish("The server no longer knows this call.");
  }

  /** The connection is closed; the server's own words on why come over the live events. */
  #waitForReason(ended) {
    if (this.#store.get().phase !== "call") return;
    this.#store.set({ phase: "ending", ended });
    if (this.#unfollow) this.#goodbye = setTimeout(() => this.#finish(), GOODBYE_MS);
    else this.#finish();
  }

  #finish(text = "") {
    const { phase, media, ended } = this.#store.get();
    if (phase === "ended") return;
    clearTimeout(this.#goodbye);
    this.#release(media);
    // What the person did themselves explains the end better than what the server saw of it.
    const words = (ended?.own && ended.text) || text || ended?.text || "The call is over.";
    this.#store.set({ phase: "ended", ended: { text: words }, media: null, deviceNote: "", problem: null });
  }

  #release(media) {
    this.#unfollow?.();
    this.#unfollow = null;
    this.#call?.close();
    this.#call = null;
    for (const track of media?.getTracks() ?? []) track.stop();
  }

  async #add(source) {
    const { media } = this.#store.get();
    let added;
    try {
      added = await openDevices([source]);
    } catch (error) {
      if (!(error instanceof DeviceProblem)) throw error;
      const { title, steps } = deviceProblem(error);
      this.#store.set({ deviceNote: `${title}. ${steps[0]}` });
      return;
    }
    const [track] = added.getTracks();
    if (this.#store.get().phase !== "call" || this.#store.get().devices[source] !== "none") {
      track.stop();
      return;
    }
    media.addTrack(track);
    this.#watchDevice(track);
    this.#setDevice(source, "on");
    await this.#call?.replace(source, added);
  }

  #watchDevice(track) {
    track.onended = () => {
      const source = track.kind === "video" ? "camera" : "microphone";
      this.#store.get().media?.removeTrack(track);
      this.#call?.drop(source);
      this.#setDevice(source, "none", `The ${source} stopped: it was unplugged, or another program took it.`);
    };
  }

  #setDevice(source, state, deviceNote = "") {
    this.#store.set({ devices: { ...this.#store.get().devices, [source]: state }, deviceNote });
  }
}
