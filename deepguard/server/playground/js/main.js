/** Puts the page together: one store, one session, the views, and a clock for "3 s ago". */

import * as api from "./api.js";
import { watchAlerts } from "./alerts.js";
import { createAnnouncer, titleOf } from "./announce.js";
import { serverProblem } from "./problems.js";
import { Session } from "./session.js";
import { AROUND, IDLE, createStore } from "./store.js";
import { mountAlerts } from "./views/alerts.js";
import { mountBanner, mountHeader, mountOutage } from "./views/detector.js";
import { mountEnded } from "./views/ended.js";
import { mountMessages } from "./views/messages.js";
import { mountNotifications } from "./views/notifications.js";
import { mountOwn } from "./views/own.js";
import { mountParticipants } from "./views/participants.js";
import { mountPolicies, mountPolicyFailure } from "./views/policies.js";
import { mountProblem } from "./views/problem.js";
import { mountSampling } from "./views/sampling.js";
import { mountStart } from "./views/start.js";
import { mountTimeline } from "./views/timeline.js";
import { mountTransitions } from "./views/transitions.js";

const BOTH = ["camera", "microphone"];
const TICK_MS = 1_000;

const place = (id) => document.getElementById(id);

let drawing = false;
function changed(state) {
  document.title = titleOf(state); // also while the tab is hidden and nothing is drawn
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

const store = createStore({ ...IDLE, ...AROUND }, changed);
const session = new Session(store, createAnnouncer(place("announce-polite"), place("announce-now")));

async function loadInfo() {
  try {
    store.set({ info: await api.getInfo(), problem: null });
  } catch (error) {
    const problem = serverProblem(error);
    store.set({ problem: { ...problem, choices: [{ label: "Try again", wanted: null }] } });
  }
}

const actions = {
  start: () => session.start(BOTH),
  choose: (wanted) => (wanted ? session.start(wanted) : loadInfo()),
  end: () => session.end(),
  reconnect: () => session.reconnect(),
  toggle: (source) => session.toggle(source),
  label: (incident, label) => session.label(incident, label),
  changeSampling: (change) => session.changeSampling(change),
};

const views = [
  mountHeader(place("judged-by")),
  mountAlerts(place("alerts-banner")),
  mountBanner(place("detector-banner")),
  mountOutage(place("outage")),
  mountPolicyFailure(place("policy-failure")),
  mountProblem(place("problem"), actions),
  mountEnded(place("ended"), actions),
  mountStart(place("start"), actions),
  mountOwn(place("own"), actions),
  mountParticipants(place("participants")),
  mountPolicies(place("policies")),
  mountTimeline(place("timeline")),
  mountTransitions(place("transitions")),
  mountNotifications(place("notifications"), actions),
  mountMessages(place("messages")),
  mountSampling(place("sampling"), actions),
];

let phase = "start";

function draw() {
  drawing = false;
  const state = store.get();
  document.body.dataset.phase = state.phase;
  place("call").hidden = !["call", "ending", "ended"].includes(state.phase);
  for (const view of views) view(state);
  if (state.phase === phase) return;
  // The button that was pressed is gone: go on where the person would look next.
  phase = state.phase;
  document.querySelector(`[data-focus-in~="${phase}"]`)?.focus();
}

setInterval(() => ["call", "ending"].includes(store.get().phase) && changed(store.get()), TICK_MS);
addEventListener("resize", () => changed(store.get()));
addEventListener("pagehide", () => session.leave());
changed(store.get());
loadInfo();
watchAlerts((alerts) => store.set({ alerts }));
