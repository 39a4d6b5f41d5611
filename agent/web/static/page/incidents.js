// The incidents: the latest, earlier ones, those of a day or a month; each with its timeline.

import { changeItem, timed } from "./changes.js";
import { desk } from "./desk.js";
import { read } from "./doing.js";
import { noticeLine } from "./notices.js";
import { copy, fill, keepSaying, part, say, show, sign, stopSaying } from "./parts.js";
import { agentNow, instant, minuteOf } from "./time.js";
import { capitalized, duration, headline, length, severityOf } from "./words.js";

const LATEST = 5;
const MOST = 500;

const listed = { list: [], next: null, period: null };
const cards = new Map();

/** Ask for the latest; the open one is the desk's. */
export async function askForIncidents() {
  const told = await read(`/api/system/incidents?limit=${LATEST}`);
  if (!told) return;
  desk.incident = told.incidents.find((one) => one.closed_at === null) ?? null;
  const known = new Map(listed.list.map((one) => [one.id, one]));
  if (known.size === 0) listed.next = told.next_before;
  if (listed.period === null) for (const one of told.incidents) known.set(one.id, one);
  keep([...known.values()]);
  for (const [id, card] of cards) if (card.slots.whole.open) tellStory(card, id);
}

async function askForEarlier() {
  const told = await read(`/api/system/incidents?limit=20&before=${encodeURIComponent(listed.next)}`);
  if (!told) return;
  listed.next = told.next_before;
  keep([...listed.list, ...told.incidents]);
}

/** Show those that opened between two instants, under a name; without one, the latest again. */
export async function showPeriod(name, from, to) {
  Object.assign(listed, { list: [], next: null, period: name });
  if (name === null) return askForIncidents();
  const before = encodeURIComponent(new Date(to).toISOString());
  const told = await read(`/api/system/incidents?limit=${MOST}&before=${before}`);
  keep((told?.incidents ?? []).filter((one) => Date.parse(one.opened_at) >= from));
  part("incidents-title").scrollIntoView({ block: "nearest" });
  part("incidents-title").focus();
}

function keep(list) {
  listed.list = list.sort((a, b) => Date.parse(b.opened_at) - Date.parse(a.opened_at));
  if (desk.health) drawIncidents();
}

/** Draw the list: one that is open in it stays open. */
export function drawIncidents() {
  const { list, next, period } = listed;
  say(part("incidents-title"), period ? `Incidents of ${period}` : "Incidents");
  part("all-incidents").hidden = period === null;
  part("earlier-incidents").hidden = next === null;
  show(part("no-incidents"), list.length === 0 && "There was none.");
  for (const [id, card] of cards) {
    if (list.some((one) => one.id === id)) continue;
    card.made.remove();
    cards.delete(id);
  }
  list.forEach((incident, place) => {
    if (!cards.has(incident.id)) cards.set(incident.id, newCard(incident.id));
    const { made } = cards.get(incident.id);
    drawIncident(cards.get(incident.id), incident);
    const there = part("incidents-list").children[place];
    if (there !== made) part("incidents-list").insertBefore(made, there ?? null);
  });
}

function newCard(id) {
  const card = copy("incident");
  card.slots.whole.addEventListener("toggle", () => card.slots.whole.open && tellStory(card, id));
  return card;
}

function drawIncident({ made, slots }, incident) {
  const severity = severityOf(incident.severity);
  const [opened, closed] = [Date.parse(incident.opened_at), Date.parse(incident.closed_at ?? "")];
  const isOpen = Number.isNaN(closed);
  made.dataset.tone = isOpen ? severity.tone : "quiet";
  sign(slots.sign, isOpen ? severity.sign : "ok");
  say(slots.severity, isOpen ? `${severity.word}, open: ` : "Over: ");
  say(slots.title, headline(incident.code));
  say(slots.opened, instant(minuteOf(opened)));
  if (isOpen) keepSaying(slots.lasted, () => `for ${duration(agentNow() - opened)}`);
  else stopSaying(slots.lasted, `lasted ${length(closed - opened)}`);
  show(slots.word, incident.acknowledged && `${incident.acknowledged.who}: ${incident.acknowledged.why}`);
}

/** The timeline: what changed, what was done, who was told, in the order of time. */
async function tellStory({ slots }, id) {
  const told = await read(`/api/system/incidents/${encodeURIComponent(id)}`);
  if (!told) return show(slots.message, "The timeline cannot be had now.");
  show(slots.message, capitalized(told.message));
  const changes = told.timeline.map((change) => ({ at: change.at, change }));
  const known = new Set([told.message.toLowerCase()]);
  const notices = told.notices.map((notice) => ({ at: notice.created_at, notice }));
  const story = [...changes, ...notices].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  fill(slots.story, story, ({ at, change, notice }) =>
    change ? changeItem(change, newIn(known, change.message)) : timed(at, noticeLine(notice)).item,
  );
}

/** A message that the story has not told yet. */
function newIn(known, message) {
  const isKnown = known.has(message.toLowerCase());
  known.add(message.toLowerCase());
  return isKnown ? "" : message;
}

part("earlier-incidents").addEventListener("click", askForEarlier);
part("all-incidents").addEventListener("click", () => showPeriod(null));
