// The day: its changes, the latest first, and the strip above them.

import { changeItem } from "./changes.js";
import { desk } from "./desk.js";
import { read } from "./doing.js";
import { fill, part } from "./parts.js";
import { drawStrip } from "./strip.js";
import { agentNow, dayOf } from "./time.js";

const HISTORY_LIMIT = 1000;
const LATEST = 6;

let changes = null;
let runs = [];

/** Ask for the latest changes. */
export async function askForChanges() {
  const limit = changes?.length ? 100 : HISTORY_LIMIT;
  const told = await read(`/api/system/history?limit=${limit}`);
  if (told) keepChanges(told.transitions);
  const ran = await read("/api/system/runs");
  if (ran) runs = ran.runs.map((one) => ({ from: Date.parse(one.since), to: Date.parse(one.until) }));
  drawDay();
}

/** Keep the changes, the newest first, each once. */
function keepChanges(told) {
  const known = new Set(told.map((change) => change.id));
  const older = (changes ?? []).filter((change) => !known.has(change.id));
  changes = [...told, ...older].slice(0, HISTORY_LIMIT);
}

export function drawDay() {
  part("day").hidden = changes === null || desk.health === null;
  if (part("day").hidden) return;
  const now = agentNow();
  const day = dayOf(now);
  const today = changes.filter((change) => Date.parse(change.at) >= day);
  drawStrip(changes, runs, now, day, today);
  const told = today.filter((change) => change.subject !== "problem" || change.after !== "pending");
  fill(part("changes"), told.slice(0, LATEST), (change) => changeItem(change));
  fill(part("earlier-changes"), told.slice(LATEST), (change) => changeItem(change));
  part("earlier").hidden = told.length <= LATEST;
  part("no-changes").hidden = told.length > 0;
}

