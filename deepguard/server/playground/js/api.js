/** What the page asks of the server, and how a refusal is told. */

const TIMEOUT_MS = 15_000;

/** The server refused, or did not answer (`status` 0). `fields` holds what a 422 says of each field. */
export class ApiError extends Error {
  constructor(message, status = 0, fields = []) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.fields = fields;
  }
}

async function request(method, path, body) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError("The server does not answer.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const detail = answer?.detail;
  if (Array.isArray(detail)) {
    throw new ApiError(detail.map((field) => field.msg).join("; "), response.status, detail);
  }
  throw new ApiError(typeof detail === "string" ? detail : "", response.status);
}

const session = (id) => `sessions/${encodeURIComponent(id)}`;

/** What the server is and how it is set, before any call. */
export const getInfo = () => request("GET", "api/info");

/** How alerts fare, of all calls. */
export const getAlerts = () => request("GET", "api/alerts");

/** Opens a session; the call begins with its first offer. */
export const startSession = () =>
  request("POST", "start", {
    transport: "webrtc",
    createDailyRoom: false,
    enableDefaultIceServers: false,
    body: { playground: true },
  });

/** Hands over an offer of media and returns the answer. */
export const sendOffer = (id, offer) => request("POST", `${session(id)}/api/offer`, offer);

/** Hands over network addresses found after the offer. */
export const sendCandidates = (id, pcId, candidates) =>
  request("PATCH", `${session(id)}/api/offer`, { pc_id: pcId, candidates });

/** Changes sampling of one call and returns all of it. */
export const changeSampling = (id, change) => request("PATCH", `${session(id)}/sampling`, change);

/** Says of one of the call's incidents whether it was right: "confirmed" or "false-positive". */
export const labelIncident = (id, incident, label) =>
  request("POST", `${session(id)}/incidents/${encodeURIComponent(incident)}/label`, { label });

/** Where the call's live events come from. */
export const eventsUrl = (id) => new URL(`${session(id)}/events`, document.baseURI).href;
