/** The media connection of one call: camera and microphone to the server, messages both ways. */

import * as api from "./api.js";

const ORDER = ["microphone", "camera"]; // the server knows tracks by their place: audio first, then video
const PING_MS = 1_000;
const INTERRUPTED_MS = 4_000;
const CONNECT_MS = 20_000;

const trackOf = (stream, source) =>
  (source === "camera" ? stream.getVideoTracks() : stream.getAudioTracks())[0] ?? null;

/**
 * One call's connection. It reconnects once by itself when it breaks; after that `reconnect` is for a person to ask.
 *
 * Told through the handlers: `link` ("connecting", "connected", "interrupted", "lost"), `message` (an in-call
 * message), `left` (the server closed the connection), `refused` (an ApiError: the server no longer takes this call).
 */
export class Call {
  #sessionId;
  #iceServers;
  #handlers;
  #tracks = { microphone: null, camera: null };
  #peer = null;
  #peerId = null;
  #channel = null;
  #candidates = [];
  #negotiation = Promise.resolve();
  #retried = false;
  #left = false;
  #timers = { ping: 0, deadline: 0 };

  constructor(sessionId, iceServers, handlers) {
    this.#sessionId = sessionId;
    this.#iceServers = iceServers;
    this.#handlers = handlers;
  }

  /** Connects for the first time. Raises ApiError when the server refuses. */
  async open(stream) {
    for (const source of ORDER) this.#tracks[source] = trackOf(stream, source);
    await this.#connect();
  }

  /** Turns a source on or off, keeping its device open. */
  setEnabled(source, enabled) {
    if (this.#tracks[source]) this.#tracks[source].enabled = enabled;
    this.#tellStatus(source);
  }

  /** Sends another device's track from now on. */
  async replace(source, stream) {
    const track = trackOf(stream, source);
    this.#tracks[source] = track;
    await this.#peer?.getTransceivers()[ORDER.indexOf(source)]?.sender.replaceTrack(track);
    this.#tellStatus(source);
  }

  /** The device of a source is gone. */
  drop(source) {
    this.#tracks[source] = null;
    this.#tellStatus(source);
  }

  /** Connects anew within the same call. */
  async reconnect() {
    this.#retried = true;
    this.#handlers.link("interrupted");
    try {
      await this.#connect();
    } catch (error) {
      if (error.status) this.#handlers.refused(error);
      this.#lose();
    }
  }

  /** Ends it; the server notices at once. */
  close() {
    this.#left = true;
    this.#discard();
  }

  async #connect() {
    const restart = this.#peerId !== null;
    this.#discard();
    const peer = new RTCPeerConnection({ iceServers: this.#iceServers });
    this.#peer = peer;
    peer.onconnectionstatechange = () => this.#stateChanged(peer);
    peer.onicecandidate = ({ candidate }) => candidate && this.#found(peer, candidate);
    this.#openChannel(peer);
    for (const source of ORDER) {
      const track = this.#tracks[source];
      peer.addTransceiver(track ?? (source === "camera" ? "video" : "audio"), { direction: "sendrecv" });
    }
    this.#timers.deadline = setTimeout(() => this.#broken(peer), CONNECT_MS);
    try {
      await this.#negotiate(peer, restart);
    } catch (error) {
      if (peer === this.#peer) this.#discard();
      throw error;
    }
  }

  /** Offers and answers follow one another: two at once would confuse both ends. */
  #negotiate(peer, restart = false) {
    const turn = this.#negotiation.then(async () => {
      if (peer !== this.#peer) return;
      const known = this.#peerId;
      if (restart) this.#peerId = null; // addresses found meanwhile belong to the connection to come
      try {
        await peer.setLocalDescription(await peer.createOffer());
        const { sdp, type } = peer.localDescription;
        const offer = { sdp, type, ...(known && { pc_id: known }), ...(restart && { restart_pc: true }) };
        const answer = await api.sendOffer(this.#sessionId, offer);
        this.#peerId = answer.pc_id;
        if (peer !== this.#peer) return;
        await peer.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
      } catch (error) {
        this.#peerId ??= known;
        throw error;
      }
      this.#sendCandidates(peer);
    });
    this.#negotiation = turn.catch(() => {});
    return turn;
  }

  #found(peer, candidate) {
    if (peer !== this.#peer) return;
    this.#candidates.push({
      candidate: candidate.candidate,
      sdp_mid: candidate.sdpMid,
      sdp_mline_index: candidate.sdpMLineIndex,
    });
    if (peer.remoteDescription) this.#sendCandidates(peer);
  }

  #sendCandidates(peer) {
    if (peer !== this.#peer || this.#candidates.length === 0) return;
    const candidates = this.#candidates.splice(0);
    // One that does not arrive only means one way fewer to connect; the deadline tells when none worked.
    api.sendCandidates(this.#sessionId, this.#peerId, candidates).catch(() => {});
  }

  #openChannel(peer) {
    const channel = peer.createDataChannel("chat", { ordered: true });
    this.#channel = channel;
    channel.onopen = () => {
      clearInterval(this.#timers.ping);
      this.#timers.ping = setInterval(() => this.#say(`ping: ${Date.now()}`), PING_MS);
      this.#say({
        label: "rtvi-ai",
        type: "client-ready",
        id: crypto.randomUUID(),
        data: { version: "1.0.0", about: { library: "deepguard-playground" } },
      });
      for (const source of ORDER) if (!this.#tracks[source]?.enabled) this.#tellStatus(source);
    };
    channel.onmessage = ({ data }) => this.#heard(peer, data);
  }

  #say(message) {
    if (this.#channel?.readyState !== "open") return;
    this.#channel.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  #tellStatus(source) {
    const enabled = Boolean(this.#tracks[source]?.enabled);
    this.#say({ type: "signalling", message: { type: "trackStatus", receiver_index: ORDER.indexOf(source), enabled } });
  }

  #heard(peer, data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not for this page: whatever the call's bot may say in plain text
    }
    if (peer !== this.#peer) return;
    if (message?.type === "signalling") {
      if (message.message?.type === "renegotiate") this.#negotiate(peer).catch(() => this.#broken(peer));
      if (message.message?.type === "peerLeft") this.#gone();
    } else if (message?.label === "rtvi-ai" && message.type === "server-message") {
      this.#handlers.message(message.data);
    }
  }

  #gone() {
    this.close();
    this.#handlers.left();
  }

  #stateChanged(peer) {
    if (peer !== this.#peer) return;
    clearTimeout(this.#timers.deadline);
    if (peer.connectionState === "connected") {
      this.#retried = false;
      this.#handlers.link("connected");
    } else if (peer.connectionState === "disconnected") {
      this.#handlers.link("interrupted");
      this.#timers.deadline = setTimeout(() => this.#broken(peer), INTERRUPTED_MS);
    } else if (peer.connectionState === "failed") {
      this.#broken(peer);
    } else {
      this.#timers.deadline = setTimeout(() => this.#broken(peer), CONNECT_MS);
    }
  }

  #broken(peer) {
    if (this.#left || peer !== this.#peer) return;
    if (this.#retried) this.#lose();
    else this.reconnect();
  }

  #lose() {
    if (this.#left) return;
    this.#discard();
    this.#handlers.link("lost");
  }

  #discard() {
    clearInterval(this.#timers.ping);
    clearTimeout(this.#timers.deadline);
    this.#candidates = [];
    this.#channel = null;
    const peer = this.#peer;
    this.#peer = null;
    peer?.close();
  }
}
