/**
 * What the server has told about a call, as a value: `advance(state, event, receivedAt)` is a pure function.
 *
 * Times are Unix seconds of the server's clock. Everything that grows is bounded.
 */

export const HISTORY_SECONDS = 300;
export const MAX_DOTS = 900;
export const MAX_SPANS = 300;
export const MAX_TRANSITIONS = 200;
export const MAX_NOTIFICATIONS = 100;
export const MAX_DELIVERIES = 20;
export const MAX_OPENED = 1000;

/** The state before the first event. */
export const NOTHING = Object.freeze({
  call: null,
  detector: null,
  sampling: null,
  policy: null, // the alert policy that decides
  shadows: [], // those that run beside it
  opened: [], // the incidents that were opened, by id
  participants: new Map(),
  transitions: [],
  notifications: [],
  ended: null,
  clock: null,
  counted: 0,
});

/** The server's time now. `localNow` is the browser's, in seconds. */
export const serverNow = (state, localNow) => localNow - (state.clock ?? 0);

/** Takes one event in. Events of a type that is not known change nothing. */
export function advance(state, event, receivedAt) {
  // The quickest event so far tells best how far apart the two clocks are.
  const clock = Math.min(state.clock ?? Infinity, receivedAt - event.at);
  const next = event.type === "state" ? restore(state, event) : apply(state, event);
  return next.clock === clock ? next : { ...next, clock };
}

const HANDLERS = {
  verdict: (state, event) =>
    changeTrack(state, event, (track) => ({
      verdict: event,
      dots: remember(track.dots, { at: event.at, judgement: event.judgement, score: event.score }, MAX_DOTS),
    })),
  samples: (state, event) => changeTrack(state, event, () => ({ samples: event.samples })),
  coverage: (state, event) =>
    note(
      changeTrack(state, event, (track) => cover(track, event.coverage, event.at)),
      { kind: "coverage", coverage: event.coverage },
      event,
    ),
  level: (state, event) => {
    const changed = event.source
      ? changeTrack(state, event, (track) => raise(track, event.after, event.at))
      : changeParticipant(state, event.participant, () => ({ level: event.after, since: event.at }));
    const { before, after, cause, covered } = event;
    return note(changed, { kind: "level", before, after, cause, covered }, event);
  },
  notification: (state, event) => {
    const { type, ...notification } = event;
    const notifications = [...state.notifications, { ...notification, deliveries: [] }].slice(-MAX_NOTIFICATIONS);
    const opened = openedAfter(state, event);
    return changeParticipant({ ...state, notifications, opened }, event.participant, (participant) => ({
      ...incidentAfter(participant, event),
    }));
  },
  delivery: (state, event) => ({
    ...state,
    notifications: state.notifications.map((notification) =>
      notification.id === event.notification_id
        ? { ...notification, deliveries: deliveredTo(notification.deliveries, event) }
        : notification,
    ),
  }),
  acknowledged: (state, { at, by, incident_id: id }) => {
    const [concerned] = [...state.participants.values()].filter(({ incident }) => incident === id);
    if (!concerned) return state;
    const changed = changeParticipant(state, concerned.id, () => ({ acknowledged: { at, by } }));
    return note(changed, { kind: "acknowledged", by }, { at, participant: concerned.id });
  },
  detector: (state, event) => ({ ...state, detector: { ...state.detector, health: event.health } }),
  sampling: (state, event) => ({ ...state, sampling: event.sampling }),
  policy: (state, event) => ({ ...state, policy: event.policy }),
  shadow: (state, { shadow }) => {
    const place = state.shadows.findIndex(({ name }) => name === shadow.name);
    return { ...state, shadows: place < 0 ? [...state.shadows, shadow] : state.shadows.with(place, shadow) };
  },
  disagreement: (state, event) => changeTrack(state, event, () => ({ disagreement: event.text })),
  ended: (state, event) => ({ ...state, ended: { at: event.at, reason: event.reason, text: event.text } }),
};

function apply(state, event) {
  return HANDLERS[event.type]?.(state, event) ?? state;
}

/** A `state` event: the facts are its own; the history is what was kept, completed by its recent events. */
function restore(state, event) {
  const since = event.recent.length > 0 ? event.recent[0].at : event.at;
  let next = { ...forget(state, since), detector: event.detector };
  for (const { id, tracks } of event.participants) {
    for (const track of tracks) next = changeTrack(next, { participant: id, ...track, at: since }, startOf(event, id, track));
  }
  for (const past of event.recent) next = apply(next, past);
  const participants = new Map();
  for (const told of event.participants) {
    const known = next.participants.get(told.id) ?? newParticipant(told.id); // one without tracks yet
    const tracks = new Map();
    for (const track of told.tracks) {
      const base = known.tracks.get(track.source);
      const { samples, disagreement = "" } = track;
      const facts = { verdict: track.last_verdict ?? base.verdict, samples, disagreement };
      const levelled = { ...base, ...facts, ...raise(base, track.level, event.at) };
      tracks.set(track.source, { ...levelled, ...cover(levelled, track.coverage, event.at) });
    }
    const since = known.level === told.level ? known.since : null;
    const { incident_id: incident, acknowledged } = told;
    participants.set(told.id, { ...known, level: told.level, since, incident, acknowledged, tracks });
  }
  const { call, detector, sampling, policy = null, shadows = [] } = event;
  const ended = call.ended_at === null ? null : { text: "", ...next.ended, at: call.ended_at, reason: call.ended_reason };
  return { ...next, call, detector, sampling, policy, shadows, participants, ended };
}

/** How a track's history begins: what held before its first recent change still holds when there was none. */
function startOf({ recent }, id, { source, level, coverage }) {
  const first = (type) =>
    recent.find((past) => past.type === type && past.participant === id && past.source === source);
  return (track, at) => ({
    ...raise(track, first("level")?.before ?? level, at),
    ...(first("coverage") ? {} : cover(track, coverage, at)),
  });
}

/** Drops the history from `since` on: it is about to be told again. */
function forget(state, since) {
  const before = (entries) => entries.filter((entry) => entry.at < since);
  const participants = new Map();
  for (const [id, participant] of state.participants) {
    const tracks = new Map();
    for (const [source, track] of participant.tracks) {
      const { dots, levels, coverages } = track;
      tracks.set(source, { ...track, dots: before(dots), levels: before(levels), coverages: before(coverages) });
    }
    participants.set(id, { ...participant, tracks });
  }
  const { transitions, notifications } = state;
  return { ...state, participants, transitions: before(transitions), notifications: before(notifications) };
}

const newParticipant = (id) => ({
  id,
  level: "clear",
  since: null,
  incident: null,
  acknowledged: null,
  tracks: new Map(),
});

/** How the last attempt at each notifier ended, in the order in which they were first tried. */
function deliveredTo(deliveries, event) {
  const place = deliveries.findIndex(({ notifier }) => notifier === event.notifier);
  return place < 0 ? [...deliveries, event].slice(-MAX_DELIVERIES) : deliveries.with(place, event);
}

const newTrack = (source, at) => ({
  source,
  level: "clear",
  coverage: { covered: false, reason: "starting", text: "" },
  verdict: null,
  samples: null,
  disagreement: "",
  dots: [],
  levels: [{ at, level: "clear" }],
  coverages: [],
});

function changeParticipant(state, id, change) {
  const participant = state.participants.get(id) ?? newParticipant(id);
  const participants = new Map(state.participants).set(id, { ...participant, ...change(participant) });
  return { ...state, participants };
}

function changeTrack(state, { participant, source, at }, change) {
  return changeParticipant(state, participant, ({ tracks }) => {
    const track = tracks.get(source) ?? newTrack(source, at);
    return { tracks: new Map(tracks).set(source, { ...track, ...change(track, at) }) };
  });
}

function raise({ levels }, level, at) {
  if (levels.at(-1)?.level === level) return { level };
  // A level that did not last has left no trace.
  const lasting = levels.at(-1)?.at === at ? levels.slice(0, -1) : levels;
  return { level, levels: remember(lasting, { at, level }, MAX_SPANS) };
}

function cover(track, coverage, at) {
  const last = track.coverages.at(-1);
  return last?.covered === coverage.covered && last?.reason === coverage.reason
    ? { coverage }
    : { coverage, coverages: remember(track.coverages, { at, ...coverage }, MAX_SPANS) };
}

/** Appends an entry; keeps those of the last minutes and the one before, which still holds when they begin. */
function remember(entries, entry, limit) {
  const oldest = entry.at - HISTORY_SECONDS;
  const kept = entries.findIndex(({ at }) => at >= oldest);
  const recent = kept < 0 ? entries.slice(-1) : entries.slice(Math.max(0, kept - 1));
  return [...recent, entry].slice(-limit);
}

function note(state, transition, { at, participant, source }) {
  const counted = state.counted + 1;
  const entry = { id: `t${counted}`, at, participant, source: source ?? null, ...transition };
  return { ...state, counted, transitions: [...state.transitions, entry].slice(-MAX_TRANSITIONS) };
}

/** Events are told again after a break: each incident counts once. */
function openedAfter({ opened }, { kind, incident_id: id }) {
  return kind === "incident.opened" && !opened.includes(id) ? [...opened, id].slice(-MAX_OPENED) : opened;
}

function incidentAfter({ incident }, { kind, incident_id: id }) {
  if (kind === "incident.resolved") return incident === id ? { incident: null, acknowledged: null } : {};
  if (!kind.startsWith("incident.")) return {};
  return incident === id ? {} : { incident: id, acknowledged: null };
}
