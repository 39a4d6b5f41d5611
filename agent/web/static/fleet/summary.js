// The whole in one line, what waits, and who tells it.

import { part, root, say, show, sign, keepSaying, stopSaying } from "../page/parts.js";
import { agentNow, instant } from "../page/time.js";
import { duration } from "../page/words.js";
import { fleet, isLive, stateOf } from "./fleet.js";
import { plural, STATES } from "./words.js";

let spokenKey = "";

export function drawSummary() {
  const summary = isLive() ? present() : lost();
  root.dataset.tone = summary.tone;
  root.toggleAttribute("data-loud", summary.loud);
  sign(part("sign"), summary.sign);
  say(part("headline"), summary.headline);
  say(part("message"), summary.message);
  document.title = `${summary.loud ? "▲ " : ""}${summary.headline} · fleet`;
  speak(summary);
  if (fleet.document) drawFoot();
}

function present() {
  const { stale_since: staleSince, incidents, told_by: teller } = fleet.document;
  if (staleSince) {
    return {
      tone: "grey",
      sign: "lost",
      loud: true,
      headline: "The others cannot be seen",
      message: `${teller} cannot reach the store that agents share, since ${instant(Date.parse(staleSince))}.`,
    };
  }
  const desks = [...fleet.desks.values()];
  const count = (state) => desks.filter((one) => stateOf(one) === state).length;
  const counts = ["critical", "unknown", "warning"].map((state) => [state, count(state)]).filter(([, some]) => some);
  const watched = desks.filter((one) => !one.ended).length;
  if (counts.length === 0) {
    const calm = { 0: "No desk is watched", 1: "The one desk is well" }[watched] ?? `All ${watched} desks are well`;
    return { ...STATES.well, loud: false, headline: calm, message: openWords(incidents) };
  }
  const [worst] = counts[0];
  const troubled = counts.reduce((sum, [, some]) => sum + some, 0);
  return {
    tone: STATES[worst].tone,
    sign: STATES[worst].sign,
    loud: worst !== "warning",
    headline: `${troubled} of ${plural(watched, "desk")} ${troubled === 1 ? "needs" : "need"} somebody`,
    message: `${counts.map(([state, some]) => `${some} ${STATES[state].word}`).join(", ")}. ${openWords(incidents)}`,
  };
}

function openWords(incidents) {
  const free = incidents.filter((one) => !one.acknowledged_by).length;
  if (incidents.length === 0) return "No incident is open.";
  if (incidents.length === 1) return `1 incident is open, ${incidents[0].acknowledged_by ?? "nobody"} is at it.`;
  if (free === 0) return `${incidents.length} incidents are open, somebody is at each.`;
  return `${incidents.length} incidents are open, nobody is at ${free === incidents.length ? "any" : free} of them.`;
}

function lost() {
  const lostTone = { tone: "grey", sign: "lost", loud: true };
  if (!fleet.document && fleet.contact === "none") {
    return { ...lostTone, loud: false, sign: "unknown", headline: "Connecting…", message: "Waiting for the fleet." };
  }
  const message = "Nothing on this page is to be trusted now. It keeps trying by itself.";
  return { ...lostTone, headline: fleet.document ? "Out of contact" : "The agent does not answer", message };
}

function drawFoot() {
  const { backlog, told_by: teller } = fleet.document;
  const oldest = Date.parse(backlog.oldest_at ?? "");
  const words = `${plural(backlog.waiting, "notice")} ${backlog.waiting === 1 ? "waits" : "wait"} to be delivered`;
  part("backlog").hidden = backlog.waiting === 0;
  if (Number.isNaN(oldest)) stopSaying(part("backlog"), `${words}.`);
  else keepSaying(part("backlog"), () => `${words}, the oldest for ${duration(agentNow() - oldest)}.`);
  part("own").hidden = fleet.agents.get(teller)?.role === "standby"; // it has none of its own
  const agents = [...fleet.agents.values()].filter((one) => one.state === "here").length;
  show(part("told"), `Told by ${teller}, which hears of ${plural(agents, "agent")}, itself included.`);
}

/** Tell a screen reader what has changed, and nothing of what merely ticks. */
function speak(summary) {
  if (summary.headline === spokenKey) return;
  const first = spokenKey === "";
  spokenKey = summary.headline;
  const text = `${summary.headline}. ${summary.message}`;
  say(part("alarm"), summary.loud && !first ? text : "");
  say(part("spoken"), summary.loud && !first ? "" : text);
}

