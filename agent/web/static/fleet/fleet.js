// What is known of the fleet: shared by all that draws, changed by what hears.

import { safeUrl } from "../page/parts.js";
import { agentNow } from "../page/time.js";
import { duration } from "../page/words.js";

export const fleet = { document: null, agents: new Map(), desks: new Map(), contact: "none" };

export const isLive = () => fleet.contact === "live";

/** Take a whole document in. */
export function takeDocument(told) {
  fleet.document = told;
  fleet.agents = new Map(told.agents.map((one) => [one.name, one]));
  fleet.desks = new Map(told.desks.map((one) => [one.desk, one]));
}

/** Lay what is new on what is known; false where something in between was missed. */
export function takeChanges(told) {
  if (fleet.document?.revision !== told.after) return false;
  for (const name of told.agents_gone) fleet.agents.delete(name);
  for (const name of told.desks_gone) fleet.desks.delete(name);
  for (const one of told.agents) fleet.agents.set(one.name, one);
  for (const one of told.desks) fleet.desks.set(one.desk, one);
  const { agents, desks, agents_gone, desks_gone, after, ...sums } = told;
  fleet.document = { ...fleet.document, ...sums };
  return true;
}

/** The agent that answers for a desk: who owns it, or whoever was last known to. */
export function answering(desk) {
  return fleet.agents.get(desk.owner) ?? desk.standbys.map((one) => fleet.agents.get(one.agent)).find(Boolean) ?? null;
}

/** How a desk is, in the one word by which desks are chosen. */
export function stateOf(desk) {
  if (desk.ended) return "ended";
  return desk.severity === "info" || desk.severity === "ok" ? "well" : desk.severity;
}

const LOOPBACK = /^(localhost|127\.|\[::1\])/;

/** Where an agent's page is for whoever looks at this one; another machine's loopback is not here. */
export function pageOf(agent) {
  const url = agent?.url ? safeUrl(agent.url) : null;
  if (!url || (LOOPBACK.test(url.hostname) && !LOOPBACK.test(location.hostname))) return null;
  return url.href;
}

/** The agent by whose silence a desk is in trouble, if it is by that. */
function silentOne(desk) {
  if (desk.code !== "AGENT_LOST") return null;
  const names = [desk.owner, ...desk.standbys.map((one) => one.agent)];
  return names.map((one) => fleet.agents.get(one)).find((one) => one?.state === "silent") ?? null;
}

/** What is the matter with a desk; a silence goes on, whether or not there is news. */
export function messageOf(desk) {
  const silent = silentOne(desk);
  if (!silent) return answering(desk)?.message ?? "No agent of it is known";
  const said = silent.said ? ` (it said ${silent.said} last)` : "";
  return `${silent.name} has not been heard of for ${duration(agentNow() - Date.parse(silent.seen_at))}${said}`;
}

export const sinceOf = (desk) => Date.parse(silentOne(desk)?.seen_at ?? answering(desk)?.since ?? "");

const names = new Intl.Collator("en", { numeric: true });
const RANKS = { critical: 4, unknown: 3, warning: 2, well: 1, ended: 0 };

/** The desks, the worst first, then by name. */
export function inOrder() {
  const byName = (a, b) => names.compare(a.desk, b.desk);
  return [...fleet.desks.values()].sort((a, b) => RANKS[stateOf(b)] - RANKS[stateOf(a)] || byName(a, b));
}
