// Notices: to whom, what came of them, and those that never arrived, which can be sent again.

import { perform, read } from "./doing.js";
import { copy, element, fill, part, say } from "./parts.js";
import { agentNow, HOUR } from "./time.js";
import { headline } from "./words.js";

const SHOWN_MS = 24 * HOUR;
const STATES = {
  pending: "waiting",
  sending: "on its way",
  delivered: "delivered",
  dead: "not delivered",
  superseded: "not needed any more",
};

let given = [];

/** Ask for those that were given up on. */
export async function askForDeadNotices() {
  const told = await read("/api/system/notices?state=dead&limit=20");
  if (told) given = told.notices;
}

/** Draw those of the last day; older ones are with their incidents. */
export function drawDeadNotices() {
  const dead = given.filter((one) => Date.parse(one.ended_at) > agentNow() - SHOWN_MS);
  fill(part("dead"), dead, deadItem);
  part("undelivered").hidden = dead.length === 0;
}

function deadItem(notice) {
  const item = element("li");
  item.append(element("b", `${headline(notice.code)} · ${notice.type}`), noticeLine(notice));
  return item;
}

/** A notice in one line, with its receipt or its error, and a button where it can be sent again. */
export function noticeLine(notice) {
  const { made, slots } = copy("notice");
  say(slots.whom, [notice.notifier, notice.recipient].filter(Boolean).join(" · "));
  say(slots.state, STATES[notice.state] ?? notice.state);
  slots.state.dataset.state = notice.state;
  const attempts = notice.attempts > 1 ? `, after ${notice.attempts} attempts` : "";
  say(slots.receipt, `${notice.receipt ?? notice.error ?? ""}${attempts}`);
  slots.again.hidden = notice.state !== "dead";
  slots.again.setAttribute("aria-label", `Send again to ${slots.whom.textContent}`);
  const href = `/api/system/notices/${encodeURIComponent(notice.id)}/retry`;
  slots.again.onclick = () =>
    perform(slots.again, slots.outcome, href, "Sending…", { doneWords: "It is on its way again." });
  return made;
}
