/** Camera and microphone: opening them, and saying what stands in the way. */

const CONSTRAINTS = {
  camera: { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } },
  microphone: { audio: { echoCancellation: true, noiseSuppression: true } },
};

const DEVICE_KIND = { camera: "videoinput", microphone: "audioinput" };

const KIND_OF_ERROR = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** Opening failed. `kind`: insecure, denied, missing, busy, other. `usable`: sources that may work alone. */
export class DeviceProblem extends Error {
  constructor(kind, wanted, usable) {
    super(kind);
    this.name = "DeviceProblem";
    this.kind = kind;
    this.wanted = wanted;
    this.usable = usable;
  }
}

/**
 * Opens the wanted sources ("camera", "microphone") together.
 *
 * @param {string[]} wanted
 * @returns {Promise<MediaStream>}
 * @throws {DeviceProblem}
 */
export async function openDevices(wanted) {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new DeviceProblem("insecure", wanted, []);
  try {
    return await navigator.mediaDevices.getUserMedia(Object.assign({}, ...wanted.map((source) => CONSTRAINTS[source])));
  } catch (error) {
    const kind = KIND_OF_ERROR[error.name] ?? "other";
    throw new DeviceProblem(kind, wanted, await usable(kind, wanted));
  }
}

/** Which of the wanted sources may still work when asked for alone. */
async function usable(kind, wanted) {
  if (wanted.length < 2) return [];
  if (kind === "missing") {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return wanted.filter((source) => devices.some((device) => device.kind === DEVICE_KIND[source]));
  }
  if (kind === "denied") {
    const states = await Promise.all(wanted.map(permission));
    return wanted.filter((_, index) => states[index] !== "denied");
  }
  return wanted;
}

async function permission(source) {
  try {
    return (await navigator.permissions.query({ name: source })).state;
  } catch {
    return "unknown"; // not every browser tells
  }
}
