/** How often and how finely the own call is sampled, changeable while it runs. */

import { el, setAttribute, setText, show } from "../dom.js";
import { sentence } from "../words.js";

const FIELDS = [
  ["video", "normal_fps", "Pictures a second, normally", "sampling-normal-fps"],
  ["video", "burst_fps", "Pictures a second, while suspicious", "sampling-burst-fps"],
  ["video", "quality", "Picture quality", "sampling-quality"],
  ["audio", "interval", "Seconds between sound checks, normally", "sampling-interval"],
  ["audio", "burst_interval", "Seconds between sound checks, while suspicious", "sampling-burst-interval"],
];

/** @param actions.changeSampling Changes the own call's sampling; rejects with ApiError. */
export function mountSampling(root, { changeSampling }) {
  const pace = el("p", { class: "muted", "data-testid": "sampling-pace" });
  const status = el("p", { class: "sampling-status", role: "status", "data-testid": "sampling-status" });
  const fields = FIELDS.map((field) => buildField(field, changeSampling, status));
  root.append(
    el("h2", { id: "sampling-title", text: "How closely deepguard looks" }),
    pace,
    ...fields.map(({ node }) => node),
    status,
  );
  let session = null;
  return ({ phase, guard, info }) => {
    show(root, phase === "call" && guard.sampling !== null);
    if (!guard.sampling) return;
    if (session !== guard.call?.id) {
      session = guard.call?.id;
      setText(status, "");
      for (const { reset } of fields) reset();
    }
    setText(
      pace,
      guard.sampling.burst
        ? "Now: looking more often, because something is suspicious. Changes hold for this call only."
        : "Now: looking at the normal pace. Changes hold for this call only.",
    );
    for (const { update } of fields) update(guard.sampling, info?.limits ?? {});
  };
}

function buildField([section, name, label, testId], changeSampling, status) {
  const errorId = `${testId}-error`;
  const hintId = `${testId}-hint`;
  const input = el("input", {
    id: testId,
    type: "number",
    step: "any",
    inputmode: "decimal",
    "data-testid": testId,
    "aria-describedby": `${hintId} ${errorId}`,
  });
  const hint = el("span", { id: hintId, class: "hint" });
  const error = el("p", { id: errorId, class: "field-error" });
  const node = el(
    "div",
    { class: "field" },
    el("label", { for: testId }, label, " ", hint),
    input,
    error,
  );
  let edited = false;
  let inForce;
  const fail = (words) => {
    setText(error, words);
    setAttribute(input, "aria-invalid", words ? "true" : null);
    if (words) setText(status, `Not changed. ${label}: ${words}`);
  };
  input.addEventListener("input", () => (edited = true));
  input.addEventListener("change", async () => {
    const text = input.value;
    if (!input.checkValidity() || text === "") {
      fail(`Enter a number${hint.textContent && ` from ${hint.textContent}`}. It stays at ${inForce}.`);
      return;
    }
    setText(status, "Saving…");
    try {
      await changeSampling({ [section]: { [name]: Number(text) } });
    } catch (problem) {
      fail(`${sentence(wordsFor(problem, section, name))} It stays at ${inForce}.`);
      return;
    }
    if (input.value === text) edited = false;
    fail("");
    setText(status, `Saved: ${label.toLowerCase()}: ${text}.`);
  });
  const update = (sampling, limits) => {
    inForce = sampling[section]?.[name];
    show(node, inForce !== undefined);
    const limit = limits[`${section}.${name}`];
    setAttribute(input, "min", limit?.min);
    setAttribute(input, "max", limit?.max);
    setText(hint, limit ? rangeOf(limit) : "");
    if (edited || document.activeElement === input || Number(input.value || NaN) === inForce) return;
    input.value = inForce ?? "";
  };
  const reset = () => {
    edited = false;
    fail("");
  };
  return { node, update, reset };
}

const rangeOf = ({ min, max }) => `${min} to ${max}`;

function wordsFor({ status, message, fields = [] }, section, name) {
  const own = fields.find(({ loc }) => loc.join(".").endsWith(`${section}.${name}`));
  if (own) return own.msg;
  return status === 0 ? "The server does not answer." : message || "The server refused the change.";
}
