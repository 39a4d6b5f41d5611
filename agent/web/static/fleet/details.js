// One desk in full: its agents, its machines, and where to go.

import { element, fill, link, part, say } from "../page/parts.js";
import { agentNow, instant, minuteOf } from "../page/time.js";
import { duration } from "../page/words.js";
import { answering, fleet, messageOf, pageOf } from "./fleet.js";
import { headline } from "./words.js";

const DIFFER = "its agents have different ones: after a takeover other rules would hold";

let shown = null;

export function showDetails(name) {
  shown = name;
  drawDetails();
  part("dialog").showModal();
}

/** Draw it again, if it is open: what it shows is live as well. */
export function drawDetails() {
  const desk = fleet.desks.get(shown);
  if (!desk) return part("dialog").close();
  const agent = answering(desk);
  say(part("details-title"), desk.desk);
  say(part("details-answer"), `${headline(desk.code)}: ${messageOf(desk)}`);
  fill(part("details-facts"), facts(desk, agent), ([name, value]) => {
    const row = document.createDocumentFragment();
    row.append(element("dt", name), element("dd", value));
    return row;
  });
  const machines = agent?.machines ?? [];
  part("details-table").parentElement.hidden = machines.length === 0;
  fill(part("details-machines"), machines, machineRow);
  const names = [desk.owner, ...desk.standbys.map((one) => one.agent)];
  const agents = names.map((name) => fleet.agents.get(name)).filter(Boolean);
  fill(part("details-agents"), agents.map((one) => [one, one.name === desk.owner]), agentLine);
  const page = pageOf(agent);
  link(part("details-page"), page);
  link(part("details-incident"), agent?.incident && page ? new URL("#incidents", page).href : null);
}

function facts(desk, agent) {
  const at = (text) => instant(minuteOf(Date.parse(text)));
  const said = [];
  if (desk.owner) {
    said.push(["Owner", desk.since ? `${desk.owner}, since ${at(desk.since)}, epoch ${desk.epoch}` : desk.owner]);
  }
  if (agent?.incident) {
    const { code, opened_at: openedAt, acknowledged_by: who } = agent.incident;
    said.push(["Incident", `${code}, open since ${at(openedAt)}, ${who ?? "nobody"} is at it`]);
  }
  if (agent?.backlog.waiting) said.push(["Notices", `${agent.backlog.waiting} wait`]);
  if (agent?.failing.length) said.push(["Failing", agent.failing.join(", ")]);
  if (agent?.trouble) said.push(["Agent", agent.trouble]);
  if (desk.configurations_differ) said.push(["Configuration", DIFFER]);
  return said;
}

function machineRow(machine) {
  const row = element("tr");
  const state = element("td");
  state.append(element("b", machine.state), " ", element("code", machine.reason));
  if (machine.message) state.append(element("p", machine.message, "soft"));
  const name = element("th", machine.name);
  name.scope = "row";
  const age = element("td", duration(agentNow() - Date.parse(machine.since)));
  row.append(name, element("td", machine.group ?? ""), state, age);
  return row;
}

const ROLES = { owner: "owns the desk", standby: "stands by", alone: "watches it alone" };
const HERE = { here: "heard of", silent: "not heard of", ended: "stopped", unseen: "cannot be seen from here" };

function agentLine([agent, owns]) {
  const item = element("li");
  const name = element("p");
  const role = owns ? ROLES.owner : agent.role === "owner" ? "owned the desk before" : ROLES[agent.role];
  name.append(element("b", agent.name), ` ${role}, ${HERE[agent.state]}`);
  const more = [agent.host, `openbell ${agent.version}`, `configuration ${agent.config_hash}`];
  if (agent.clock_offset_ms !== null) more.push(`clock ${Math.round(agent.clock_offset_ms)} ms off`);
  item.append(name, element("p", more.join(", "), "soft"));
  return item;
}

export function beginDetails() {
  const dialog = part("dialog");
  part("details-close").onclick = () => dialog.close();
  dialog.onclick = (event) => event.target === dialog && dialog.close();
}
