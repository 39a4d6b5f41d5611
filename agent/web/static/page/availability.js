// Availability: how much of the market's time was seen, by day or month, as figures and as a plot.

import { read } from "./doing.js";
import { showPeriod } from "./incidents.js";
import { element, fill, part, say, show } from "./parts.js";
import { dayOf, formats, instant, minuteOf } from "./time.js";
import { length } from "./words.js";

const HEIGHT = 132;
const LEAST_MS = 300_000;
const SVG = "http://www.w3.org/2000/svg";
const BLIND = [
  ["login", "no login"],
  ["feed", "feed down"],
  ["unknown", "unknown"],
  ["away", "agent away"],
];

const asked = { by: "day", machine: null };
let told = null;

/** Ask, and draw what comes. */
export async function askForAvailability() {
  const query = new URLSearchParams({ by: asked.by, ...(asked.machine && { machine: asked.machine }) });
  told = await read(`/api/system/availability?${query}`);
  drawAvailability();
}

function drawAvailability() {
  show(part("no-past"), emptyWords());
  part("past").hidden = !told?.rows.length;
  if (part("past").hidden) return;
  drawFeeds();
  fill(part("past-total"), totals(told.total), total);
  drawPlot();
  fill(part("past-rows"), told.rows.toReversed?.() ?? [...told.rows].reverse(), tableRow);
  say(part("past-known"), knownWords());
}

function emptyWords() {
  if (!told) return "The figures cannot be had: the agent has no calendar for its feed, or does not answer.";
  return told.rows.length ? "" : "There has been no market time since the agent first ran.";
}

const knownWords = () =>
  `Market time only, since ${instant(minuteOf(Date.parse(told.known_since)))}. ` +
  `Saved: what a person who needs ${length(told.response_s * 1000)} would have left blind.`;

function drawFeeds() {
  part("past-feed").parentElement.hidden = told.machines.length < 2;
  fill(part("past-feed"), told.machines, (name) => new Option(name, name));
}

const totals = (sum) => [
  ["seen", percent(sum.availability)],
  ["blind", length(sum.blind_s * 1000)],
  ["healed by itself", String(sum.healed)],
  ["saved by that", length(sum.saved_s * 1000)],
  ["late logins", sum.late_logins ? `${sum.late_logins}, ${length(sum.late_s * 1000)}` : "none"],
];

function total([name, value]) {
  const made = element("div");
  made.append(element("dt", name), element("dd", value));
  return made;
}

/** Never rounded up to a whole: 100 % is said only of what was seen whole. */
const percent = (share) => (share === null ? "–" : `${Math.floor(share * 10_000) / 100} %`);

const nameOf = (period) => {
  const at = Date.parse(`${period.length > 7 ? period : `${period}-01`}T12:00:00Z`);
  return (period.length > 7 ? formats.day : formats.month).format(at);
};

/** The instants between which a period lies, on the exchange's days. */
function boundsOf(period) {
  const first = period.length > 7 ? period : `${period}-01`;
  const next = new Date(`${first}T12:00:00Z`);
  if (period.length > 7) next.setUTCDate(next.getUTCDate() + 1);
  else next.setUTCMonth(next.getUTCMonth() + 1);
  return [dayOf(Date.parse(`${first}T12:00:00Z`)), dayOf(next.getTime())];
}

const showIncidents = (period) => showPeriod(nameOf(period), ...boundsOf(period));

// ---- the plot ----

function drawPlot() {
  const plot = part("plot");
  const width = plot.clientWidth;
  const most = Math.max(LEAST_MS / 1000, ...told.rows.map((row) => row.blind_s));
  const slot = width / Math.max(told.rows.length, 12);
  const drawn = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" });
  drawn.append(...told.rows.map((row, place) => column(row, place * slot, slot, HEIGHT / most)));
  plot.replaceChildren(drawn);
  plot.setAttribute("aria-label", plotWords());
  say(part("plot-most"), `${length(most * 1000)} blind`);
  const ends = [told.rows[0], told.rows.at(-1)].map((row) => nameOf(row.period));
  fill(part("plot-ends"), [...new Set(ends)], (text) => element("span", text));
}

function plotWords() {
  const blind = told.rows.filter((row) => row.blind_s > 0);
  const some = `some in ${blind.length} of ${told.rows.length}`;
  return `Blind market time by ${told.by}: ${some}. The figures are in the table below.`;
}

/** A period: its blind time, stacked by reason, on a foot that is there for a whole one too. */
function column(row, left, slot, scale) {
  const made = shape("g", { class: "column" });
  const [x, width] = [left + slot * 0.15, slot * 0.7];
  const title = document.createElementNS(SVG, "title");
  title.textContent = `${nameOf(row.period)}: ${blindWords(row) || "all seen"}`;
  made.append(title, shape("rect", { x: left, y: 0, width: slot, height: HEIGHT, class: "reach" }));
  let y = HEIGHT - 2;
  made.append(shape("rect", { x, y, width, height: 2, class: "foot" }));
  for (const [name] of BLIND) {
    const seconds = row.blind[`${name}_s`];
    if (!seconds) continue;
    const height = Math.min(y, Math.max(2, seconds * scale));
    y -= height;
    made.append(shape("rect", { x, y, width, height, class: `blind ${name}` }));
  }
  made.addEventListener("click", () => showIncidents(row.period));
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// ---- the table ----

const blindWords = (row) =>
  BLIND.filter(([name]) => row.blind[`${name}_s`] > 0)
    .map(([name, words]) => `${words} ${length(row.blind[`${name}_s`] * 1000)}`)
    .join(", ");

function tableRow(row) {
  const made = element("tr");
  const name = element("th");
  const choose = element("button", nameOf(row.period), "plainly");
  name.scope = "row";
  choose.type = "button";
  choose.setAttribute("aria-label", `${nameOf(row.period)}: show its incidents`);
  choose.addEventListener("click", () => showIncidents(row.period));
  name.append(choose);
  const healed = row.healed ? `${row.healed}, ${length(row.saved_s * 1000)} saved` : "–";
  const late = row.late_logins ? `${length(row.late_s * 1000)} late` : "–";
  const cells = [percent(row.availability), blindWords(row) || "–", healed, late];
  made.append(name, ...cells.map((text) => element("td", text)));
  return made;
}

for (const choice of document.querySelectorAll("[name=past-by]")) {
  choice.addEventListener("change", () => {
    asked.by = choice.value;
    askForAvailability();
  });
}
part("past-feed").addEventListener("change", () => {
  asked.machine = part("past-feed").value;
  askForAvailability();
});
new ResizeObserver(() => told?.rows.length && drawPlot()).observe(part("plot"));
