// The desks: a card for each that needs somebody, and for those that are well a small tile.

import { copy, element, keepSaying, link, part, say, sign } from "../page/parts.js";
import { agentNow } from "../page/time.js";
import { duration, severityOf } from "../page/words.js";
import { showDetails } from "./details.js";
import { answering, messageOf, pageOf, sinceOf, stateOf } from "./fleet.js";
import { calmTone, headline, plural, signOf, STATES } from "./words.js";

const cards = new Map();
const sections = new Map();
const SHOWN_FIRST = ["LIVE", "PRE_OPEN", "CLOSED"];

/** Draw these desks, in their order. */
export function drawDesks(desks) {
  const troubled = desks.filter((one) => !["well", "ended"].includes(stateOf(one)));
  const calm = desks.filter((one) => ["well", "ended"].includes(stateOf(one)));
  part("troubled").hidden = troubled.length === 0;
  part("none").hidden = desks.length > 0;
  keep(part("cards"), cards, troubled, newCard, drawCard);
  drawCalm(calm);
}

/** Keep a list's items by the names of their desks: each is made once, and moved only where it must be. */
function keep(list, known, desks, make, draw) {
  const wanted = new Set(desks.map((one) => one.desk));
  for (const [name, item] of known) {
    if (wanted.has(name) || item.made.parentNode !== list) continue;
    item.made.remove();
    known.delete(name);
  }
  let place = list.firstChild;
  for (const desk of desks) {
    if (!known.has(desk.desk)) known.set(desk.desk, make(desk));
    const item = known.get(desk.desk);
    if (item.made !== place) list.insertBefore(item.made, place);
    place = item.made.nextSibling;
    draw(item, desk);
  }
}

function newCard(desk) {
  const card = copy("card");
  card.slots.desk.onclick = () => showDetails(desk.desk);
  card.slots.desk.title = "Details";
  return card;
}

function drawCard({ made, slots }, desk) {
  const agent = answering(desk);
  const state = stateOf(desk);
  made.dataset.tone = STATES[state].tone;
  sign(slots.sign, signOf(desk.code, state));
  say(slots.severity, `${severityOf(desk.severity).word}: `);
  say(slots.desk, desk.desk);
  say(slots.title, headline(desk.code));
  keepSaying(slots.since, () => duration(agentNow() - sinceOf(desk)));
  keepSaying(slots.message, () => messageOf(desk));
  say(slots.remarks, remarks(desk, agent).join(" · "));
  slots.remarks.title = slots.remarks.textContent;
  link(slots.page, pageOf(agent), "Open");
  slots.page.setAttribute("aria-label", `Open the page of ${desk.desk}`);
}

/** Who is at it comes first: it is what the next one who looks must know. */
function remarks(desk, agent) {
  const pointed = (agent?.machines ?? []).filter((one) => !["ok", "info"].includes(one.severity));
  const inWords = (one) => [one.group, one.name, one.state].filter(Boolean).join(" ");
  const taken = agent?.incident?.acknowledged_by;
  return [
    ...(agent?.incident ? [taken ? `${taken} is at it` : "nobody is at it"] : []),
    ...(agent?.state === "here" ? pointed.map(inWords) : desk.groups),
    ...marks(desk),
  ];
}

function marks(desk) {
  const here = desk.standbys.filter((one) => one.state === "here").map((one) => one.agent);
  const lost = desk.standbys.filter((one) => one.state === "silent").map((one) => one.agent);
  const said = [];
  if (here.length) said.push(`${here.join(", ")} ${here.length === 1 ? "stands" : "stand"} by`);
  if (lost.length) said.push(`lost: ${lost.join(", ")}`);
  if (desk.configurations_differ) said.push("configurations differ");
  return said;
}

/** Those that are well, by what they say; so each tile needs no more than its name. */
function drawCalm(desks) {
  const byCode = Map.groupBy ? Map.groupBy(desks, (one) => one.code) : grouped(desks);
  const order = (code) => (SHOWN_FIRST.indexOf(code) + 1 || 4) + (code === "ENDED" ? 4 : 0);
  const codes = [...byCode.keys()].sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
  for (const [code, section] of sections) {
    if (codes.includes(code)) continue;
    section.made.remove();
    sections.delete(code);
  }
  for (const code of codes) {
    if (!sections.has(code)) sections.set(code, newSection(code));
    const { made, title, list, known } = sections.get(code);
    const some = byCode.get(code);
    say(title, `${headline(code)}: ${plural(some.length, "desk")}`);
    const there = part("calm").children[codes.indexOf(code)] ?? null;
    if (there !== made) part("calm").insertBefore(made, there);
    keep(list, known, some, newTile, drawTile);
  }
}

function grouped(desks) {
  const found = new Map();
  for (const one of desks) found.set(one.code, [...(found.get(one.code) ?? []), one]);
  return found;
}

function newSection(code) {
  const made = element("section", undefined, "calm");
  const head = element("h2");
  const title = element("span");
  const list = element("ul", undefined, "tiles");
  const name = `calm-${code.toLowerCase()}`;
  made.dataset.tone = calmTone(code);
  title.id = name;
  made.setAttribute("aria-labelledby", name);
  head.append(drawnSign(signOf(code, code === "ENDED" ? "ended" : "well")), title);
  made.append(head, list);
  return { made, title, list, known: new Map() };
}

/** A name is cut within: what tells it from its neighbours stands at its end. */
function newTile(desk) {
  const made = element("li");
  const button = element("button", undefined, "desk");
  const [, stem, end] = /^(.+?)([-_.][^-_.]{1,5})?$/.exec(desk.desk);
  const [name, tail] = [element("span", stem), element("span", end ?? "", "tail")];
  const mark = element("span", undefined, "marks");
  button.type = "button";
  button.onclick = () => showDetails(desk.desk);
  button.append(drawnSign(desk.ended ? "ended" : "ok"), name, tail, mark);
  made.append(button);
  return { made, button, mark };
}

function drawTile({ button, mark }, desk) {
  const said = marks(desk);
  const standing = desk.standbys.filter((one) => one.state === "here").length;
  say(mark, `${standing ? `+${standing}` : ""}${desk.configurations_differ ? " ≠" : ""}`.trim());
  mark.classList.toggle("differ", desk.configurations_differ);
  const full = [desk.desk, ...said].join(", ");
  if (button.title === full) return;
  button.title = full;
  button.setAttribute("aria-label", full);
}

function drawnSign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  sign(use, name);
  return svg;
}
