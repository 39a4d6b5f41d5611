// What people do about problems: who is at it, what is silenced, and the buttons for both.

import { desk, isLive, mayAct } from "./desk.js";
import { perform, read } from "./doing.js";
import { acknowledge, silence } from "./forms.js";
import { copy, fill, keepSaying, part, say, show } from "./parts.js";
import { leads } from "./problems.js";
import { agentNow, instant, minuteOf } from "./time.js";
import { duration } from "./words.js";

/** Ask who is at what: the open incident comes with the list of incidents, the silences are asked for here. */
export async function askForSilences() {
  const told = await read("/api/system/silences");
  if (told) desk.silences = told.silences.filter((one) => one.active);
}

export const silenceOf = (problem) => desk.silences.find((one) => one.id === problem?.silenced_by);

/** Draw what hangs on the answer, and the list of silences. */
export function drawCare() {
  const lead = desk.health.problems.find(leads);
  const { incident } = desk;
  part("take").hidden = !mayAct() || !incident;
  part("hush").hidden = !mayAct() || !lead || Boolean(lead.silenced_by) || lead.severity === "info";
  say(part("take"), incident?.acknowledged ? "Take over" : "Acknowledge");
  part("take").onclick = () => acknowledge(desk.incident);
  part("hush").onclick = () => silence(lead);
  show(part("taken"), isLive() && incident?.acknowledged && takenWords(incident.acknowledged));
  const hush = isLive() && silenceOf(lead);
  show(part("hushed"), hush && hushedWords(hush));
  part("silences").hidden = desk.silences.length === 0;
  fill(part("quiet"), desk.silences, silenceItem);
}

/** Until when something is silenced, by whom and why. */
export const hushedWords = (hush) =>
  `Silenced until ${instant(minuteOf(Date.parse(hush.ends_at)))} by ${quoted(hush)}`;

const quoted = ({ who, why }) => `${who}: ${why}`;
const takenWords = (word) => `${word.who} is at it since ${instant(minuteOf(Date.parse(word.at)))}: ${word.why}`;

function silenceItem(one) {
  const { made, slots } = copy("silence");
  const named = ["rule", "code", "machine", "group"].filter((name) => one[name]);
  say(slots.what, named.map((name) => `${name} ${one[name]}`).join(", "));
  say(slots.said, quoted(one));
  const ends = Date.parse(one.ends_at);
  keepSaying(slots.until, () => `until ${instant(minuteOf(ends))}, ${duration(ends - agentNow())} left`);
  slots.end.setAttribute("aria-label", `End the silence of ${slots.what.textContent} now`);
  const href = `/api/system/silences/${one.id}`;
  const how = { method: "DELETE", doneWords: "Ended." };
  slots.end.onclick = () => perform(slots.end, slots.outcome, href, "Ending…", how);
  return made;
}
