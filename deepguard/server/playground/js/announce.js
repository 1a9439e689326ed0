/** Says aloud, and in the tab's title, what must not be missed while looking elsewhere. */

import { setText } from "./dom.js";
import { levelName, reasonText, sourceName, toldLevel } from "./words.js";

const TITLE = "deepguard";

/** The tab's title: the highest level while the call goes on. */
export function titleOf({ phase, guard }) {
  const levels = [...guard.participants.values()].map((participant) => participant.level);
  const raised = ["alert", "suspicious"].find((level) => levels.includes(level));
  return phase === "call" && raised ? `${levelName(raised)} – ${TITLE}` : TITLE;
}

/** A function that takes each live event. */
export function createAnnouncer(polite, now) {
  const watched = new Map();
  return (event) => {
    if (event.type === "level" && event.source === null) {
      const words = `The caller's level is now ${toldLevel(event.after, event.covered)}.`;
      setText(event.after === "alert" ? now : polite, words);
      if (event.after !== "alert") setText(now, "");
    } else if (event.type === "coverage") {
      const { covered } = event.coverage;
      const key = `${event.participant} ${event.source}`;
      if (watched.get(key) === covered) return;
      watched.set(key, covered);
      const name = sourceName(event.source);
      setText(polite, covered ? `${name} is watched.` : `${name} is not watched: ${reasonText(event.coverage)}`);
    } else if (event.type === "notification") {
      setText(polite, event.title);
    } else if (event.type === "acknowledged") {
      setText(polite, `The alert was acknowledged by ${event.by}.`);
    }
  };
}
