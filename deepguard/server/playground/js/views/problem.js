/** What stands in the way, what to do, and the buttons for it. */

import { el, show } from "../dom.js";
import { icon } from "../icons.js";

/** @param actions.choose Called with what to open next, or null to load the page's data again. */
export function mountProblem(root, { choose }) {
  let shown = null;
  return ({ problem }) => {
    if (problem === shown) return;
    shown = problem;
    show(root, problem !== null);
    if (problem === null) {
      root.replaceChildren();
      return;
    }
    const buttons = problem.choices.map(({ label, wanted }, index) =>
      el("button", {
        type: "button",
        class: index === 0 ? "primary" : "",
        "data-testid": wanted?.length === 1 ? `only-${wanted[0]}` : "retry",
        text: label,
        onclick: () => choose(wanted),
      }),
    );
    root.replaceChildren(
      el("div", { class: "problem-head" }, icon("suspicious"), el("h2", { text: problem.title })),
      el("p", { class: "untrusted", text: problem.text }),
      el("ol", { class: "steps" }, ...problem.steps.map((text) => el("li", { text }))),
      el("div", { class: "buttons" }, ...buttons),
    );
  };
}
