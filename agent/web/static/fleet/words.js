// What the fleet's page calls things.

import { headline as usual } from "../page/words.js";

export const STATES = {
  critical: { word: "critical", sign: "critical", tone: "red" },
  unknown: { word: "unknown", sign: "unknown", tone: "grey" },
  warning: { word: "warning", sign: "warning", tone: "yellow" },
  well: { word: "well", sign: "ok", tone: "green" },
  ended: { word: "stopped", sign: "ended", tone: "grey" },
};

const HEADLINES = {
  AGENT_LOST: "Not heard of",
  UNSEEN: "Cannot be seen from here",
  UNREADABLE: "Says what we cannot read",
  DESK_UNWATCHED: "Nobody watches it",
  STANDBY: "Stands by",
  ENDED: "Stopped as planned",
  LIVE: "The market is open",
};

const SIGNS = { LIVE: "bell", PRE_OPEN: "waiting", CLOSED: "night", AGENT_LOST: "lost", UNSEEN: "lost", ENDED: "ended" };
const CALM_TONES = { LIVE: "green", PRE_OPEN: "blue", CLOSED: "grey", ENDED: "grey" };

export const headline = (code) => HEADLINES[code] ?? usual(code);
export const signOf = (code, state) => SIGNS[code] ?? STATES[state].sign;
export const calmTone = (code) => CALM_TONES[code] ?? "green";
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
