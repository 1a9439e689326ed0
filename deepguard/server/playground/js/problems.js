/** What stands in the way of a call, and what to do about it: {title, text, steps, choices [{label, wanted}]}. */

import { listed } from "./words.js";

const BOTH = ["camera", "microphone"];

const DEVICE_PROBLEMS = {
  insecure: () => ({
    title: "The browser does not allow the camera here",
    text: `This page was opened over an unencrypted address (${location.host}). Browsers allow camera and microphone only on encrypted pages and on the computer itself.`,
    steps: [
      `On the computer that runs deepguard, open http://localhost${location.port && `:${location.port}`} instead.`,
      "From another computer, put deepguard behind an address that begins with https.",
    ],
  }),
  denied: (names) => ({
    title: `The ${names} may not be used`,
    text: "The browser or the system refused permission for this page.",
    steps: [
      `Allow the ${names} for this page in the browser's site settings, usually beside the address.`,
      "If the browser does not ask, check the system's privacy settings for the browser.",
      "Then try again.",
    ],
  }),
  missing: (_, alternative) => ({
    title: `No ${alternative} was found`,
    text: "The browser sees no such device.",
    steps: ["Connect the device or switch it on.", "Then try again."],
  }),
  busy: (names) => ({
    title: `The ${names} cannot be opened`,
    text: "Another program may be in the way, or the system blocks it.",
    steps: ["Close other programs and tabs that use camera or microphone, such as a meeting.", "Then try again."],
  }),
  other: (names) => ({
    title: `The ${names} cannot be opened`,
    text: "The browser gave no further reason.",
    steps: ["Reload the page and try again.", "If it stays, try another browser."],
  }),
};

/** A DeviceProblem, told. */
export function deviceProblem({ kind, wanted, usable }) {
  const alternatives = new Intl.ListFormat("en", { type: "disjunction" });
  const missing = wanted.filter((source) => !usable.includes(source));
  const lacking = kind === "missing" && missing.length > 0 ? missing : wanted;
  const problem = DEVICE_PROBLEMS[kind](listed(lacking), alternatives.format(lacking));
  const again = kind === "insecure" ? [] : [{ label: "Try again", wanted }];
  const alone = usable.map((source) => ({ label: `Continue with ${source} only`, wanted: [source] }));
  return { ...problem, choices: [...again, ...alone] };
}

const REFUSALS = {
  0: {
    title: "The server does not answer",
    text: "deepguard is not running any more, or this computer has lost its connection to it.",
    steps: ["Check that deepguard is running and that the network works.", "Then try again."],
  },
  403: {
    title: "The server refuses calls from this page",
    text: "It accepts calls only from addresses that it has been told to trust.",
    steps: ["Open the page at the address that deepguard shows when it starts."],
  },
  409: {
    title: "This call is already taken",
    text: "It has been opened in another tab, or it has already ended.",
    steps: ["Close the other tab.", "Then try again: that starts a new call."],
  },
  503: {
    title: "The server takes no further call now",
    text: "As many calls are running as it is allowed to guard at once, or it is shutting down.",
    steps: ["Wait until another call has ended.", "Then try again."],
  },
};

const OTHER_REFUSAL = {
  title: "The server could not start the call",
  text: "Something went wrong on the server.",
  steps: ["Try again.", "If it stays, look at what deepguard printed where it was started."],
};

/** An ApiError while starting, told. `wanted` is what to open when the person tries again. */
export function serverProblem({ status, message }, wanted = BOTH) {
  const problem = REFUSALS[status] ?? OTHER_REFUSAL;
  const text = status && message ? `${problem.text} The server says: ${message}` : problem.text;
  return { ...problem, text, choices: [{ label: "Try again", wanted }] };
}
