// A card for each machine: state, reason, age, measures, and what it can be told to do.

import { desk, isLive } from "./desk.js";
import { perform } from "./doing.js";
import { copy, element, fill, keepSaying, link, part, say, show, sign, stopSaying } from "./parts.js";
import { explanation, isPassing, isTold } from "./problems.js";
import { agentNow, instant } from "./time.js";
import {
  capitalized,
  duration,
  isCalm,
  measure,
  number,
  ROLE_ACTIONS,
  SESSION_SIGNS,
  SEVERITIES,
  severityOf,
  spaced,
  STATE_TONES,
} from "./words.js";

/** An attribute in words, `null` for one that is not a single value. */
function attribute([name, value]) {
  if (value === null || typeof value === "object") return null;
  const isInstant = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value);
  return [spaced(name.replace(/_at$/, "")), isInstant ? instant(Date.parse(value)) : String(value)];
}

const cards = new Map();

export function drawMachines() {
  say(part("machines-title"), isLive() ? "Machines" : "Machines, as last heard");
  for (const [name, card] of cards) {
    if (name in desk.health.machines) continue;
    card.made.remove();
    cards.delete(name);
  }
  for (const [name, machine] of Object.entries(desk.health.machines)) {
    if (!cards.has(name)) cards.set(name, newCard(name, machine));
    drawMachine(cards.get(name), name, machine);
  }
}

function newCard(name, machine) {
  const card = copy("machine");
  const offer = ROLE_ACTIONS[machine.role];
  part("machines").append(card.made);
  show(card.slots.act, offer?.label);
  card.slots.act.classList.toggle("control", machine.role !== "auth");
  if (offer) {
    const href = `/api/system/health/${encodeURIComponent(name)}/${offer.action}`;
    card.slots.act.onclick = () => perform(card.slots.act, card.slots.outcome, href, offer.busy);
    card.slots.act.setAttribute("aria-label", `${offer.label} ${name}`);
  }
  card.slots.login.setAttribute("aria-label", `Log in: ${name}`);
  return card;
}

function drawMachine({ made, slots }, name, machine) {
  const look = lookOf(name, machine);
  made.dataset.tone = look.tone;
  sign(slots.sign, look.sign);
  say(slots.name, name);
  const role = [machine.role === name ? null : machine.role, machine.group].filter(Boolean).join(" · ");
  show(slots.role, role);
  say(slots.state, machine.state);
  say(slots.reason, machine.reason);
  say(slots.message, capitalized(machine.message));
  show(slots.note, look.note);
  drawAges(slots, machine);
  drawPanel(slots, machine.attributes.panel);
  drawMeasures(slots, machine);
  const wantsLogin = machine.role === "auth" && machine.state !== "VALID";
  link(slots.login, wantsLogin ? `/api/auth/login?machine=${encodeURIComponent(name)}` : null);
}

/**
 * How a machine looks: as bad as the worst problem that points at it and has no other cause. A mere
 * warning beside a good state, such as a calendar that ends soon, is told in the list of problems.
 */
function lookOf(name, machine) {
  const order = Object.keys(SEVERITIES);
  const isMinor = (problem) => isCalm(machine.state) && !["critical", "unknown"].includes(problem.severity);
  const counts = (problem) => problem.phase !== "pending" && !isPassing(problem) && !isMinor(problem);
  const pointing = desk.health.problems.filter((problem) => problem.machine === name && counts(problem));
  pointing.sort((a, b) => order.indexOf(b.severity) - order.indexOf(a.severity));
  const worst = pointing.find((problem) => problem.suppressed_by.length === 0);
  if (worst) {
    const severity = severityOf(worst.severity);
    return { sign: severity.sign, tone: isTold(worst) ? desk.health.color : severity.tone };
  }
  if (pointing.length) return { sign: "waiting", tone: "grey", note: explanation(pointing[0]) };
  if (machine.state === "UNKNOWN") return { sign: "unknown", tone: "grey" };
  if (machine.role === "market") {
    return { sign: SESSION_SIGNS[machine.state] ?? "ok", tone: STATE_TONES[machine.state] ?? "blue" };
  }
  if (desk.health.blockers.some((blocker) => blocker.machine === name)) return { sign: "waiting", tone: "quiet" };
  return { sign: "ok", tone: "green" };
}

function drawAges(slots, machine) {
  const [since, observed] = [Date.parse(machine.since), Date.parse(machine.observed_at)];
  const next = Date.parse(machine.next_change_at ?? "");
  keepSaying(slots.since, () => duration(agentNow() - since));
  keepSaying(slots.observed, () => `${duration(agentNow() - observed)} ago`);
  slots["next-row"].hidden = Number.isNaN(next);
  if (Number.isNaN(next)) return stopSaying(slots.next, "");
  keepSaying(slots.next, () => (next > agentNow() ? `in ${duration(next - agentNow() + 999)}` : "now"));
  slots.next.title = instant(next);
}

function drawMeasures(slots, machine) {
  const measures = Object.entries(machine.measures);
  const isTimed = ([name]) => /_(s|ms)$/.test(name);
  const attributes = Object.entries(machine.attributes).map(attribute).filter(Boolean);
  const details = [...measures.filter((one) => !isTimed(one)).map(measure), ...attributes];
  fill(slots.measures, measures.filter(isTimed).map(measure), row);
  fill(slots.details, details, row);
  slots.more.hidden = details.length === 0;
}

/** What the machine's plugin wants seen: its texts and numbers as they are, never as markup. */
function drawPanel(slots, panel) {
  show(slots["panel-title"], panel?.title);
  fill(slots.panel, Object.entries(panel?.values ?? {}).map(([name, value]) => [name, inPanel(value)]), row);
}

function inPanel(value) {
  if (typeof value === "number") return number(value, 2);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value ?? "–";
}

function row([name, value]) {
  const made = element("div");
  made.append(element("dt", name), element("dd", value));
  return made;
}
