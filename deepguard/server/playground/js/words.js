/** What the page says: every word for a value of the server's vocabulary. */

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** An identifier as words: `face_size` becomes "Face size". */
export const plain = (name) => capital(String(name).replaceAll("_", " ").trim());

const SOURCES = { camera: "Camera", microphone: "Microphone", screen: "Shared screen" };
export const sourceName = (source) => SOURCES[source] ?? plain(source);

const LEVELS = { clear: "Clear", suspicious: "Suspicious", alert: "Alert" };
export const levelName = (level) => LEVELS[level] ?? plain(level);

/** The level that a change or a message tells of. Whoever is not watched is never called clear. */
export const toldLevel = (level, covered) => (level === "clear" && covered === false ? "Not watched" : levelName(level));

const LEVEL_MEANING = {
  clear: "Nothing suspicious has been found.",
  suspicious: "Something does not look right. It is being checked more often.",
  alert: "The caller may not be who they seem.",
};
export const levelMeaning = (level) => LEVEL_MEANING[level] ?? "";

const JUDGEMENTS = {
  clear: "Looks genuine",
  suspicious: "Looks suspicious",
  alert: "Looks fake",
  error: "The check failed",
  unknown: "No verdict",
};
export const judgementName = (judgement) => JUDGEMENTS[judgement] ?? plain(judgement);

/** A check's result in words; a detector that does not assess deepfakes gives none, and measures all the same. */
export const checkName = (judgement, assesses) =>
  judgement === "unknown" && !assesses ? "Quality measured" : judgementName(judgement);

const REASONS = {
  starting: "The first check is under way.",
  no_media: "Nothing arrives: it is off or disconnected.",
  no_speech: "Nobody has spoken yet.",
  black_picture: "The picture is black.",
  frozen_picture: "The picture does not move.",
  no_face: "There is no face in the picture.",
  detector_down: "The detector is not reachable.",
  no_answer: "The detector does not answer.",
  samples_expired: "The last check expired without an answer.",
  detector_error: "The detector reports an error.",
  not_assessed: "This detector does not assess deepfakes.",
};

/** Why a track is not watched, as a sentence. */
export const reasonText = ({ reason, text }) => sentence(text || REASONS[reason] || plain(reason ?? ""));

/** Begins with a capital and ends with a stop. */
export const sentence = (text) => capital(text) + (/[\p{L}\p{N})]$/u.test(text) ? "." : "");

const HEALTH = {
  connecting: "connecting",
  up: "working",
  down: "not reachable",
  refused: "refuses the server",
};
export const healthName = (state) => HEALTH[state] ?? plain(state);

const KINDS = {
  "incident.opened": "Alert raised",
  "incident.updated": "Alert updated",
  "incident.repeated": "Alert repeated",
  "incident.resolved": "Alert over",
  "coverage.lost": "Not watched",
  "coverage.regained": "Watched again",
  acknowledged: "Alert acknowledged",
};
export const kindName = (kind) => KINDS[kind] ?? plain(kind.replaceAll(".", " "));

const DELIVERIES = {
  pending: "not delivered yet",
  leased: "being sent",
  delivered: "delivered",
  digested: "told in a digest",
  superseded: "replaced by later news",
  silenced: "silenced",
  dead: "could not be delivered",
  dropped: "given up",
};
export const deliveryName = (status) => DELIVERIES[status] ?? plain(status);

const LABELS = { "false-positive": "False positive", confirmed: "Confirmed" };
export const labelName = (label) => LABELS[label] ?? plain(label);

/** "1 entry", "3 entries". */
export const counted = (count, one, several = `${one}s`) => `${count} ${count === 1 ? one : several}`;

/** A number with that many decimals and a true minus sign; what rounds to zero has none. */
export function decimal(value, decimals) {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const text = new Intl.NumberFormat("en", digits).format(value);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** How long ago, for example "3 s ago". */
export const ago = (seconds) => (seconds < 1.5 ? "just now" : `${duration(seconds)} ago`);

/** A length of time: "3 s", "2 min", "1 h 5 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time of day of a moment. */
export const clockTime = (at) =>
  new Date(at * 1000).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** "camera", "camera and microphone", "a, b and c". */
export const listed = (words) => new Intl.ListFormat("en").format(words);
