// The strip of the day: the market's phases above, the machines' states and the answer below.

import { bells } from "./bell.js";
import { desk, isLive } from "./desk.js";
import { element, part } from "./parts.js";
import { formats, HOUR, instant } from "./time.js";
import { CALM_TONES, STATE_TONES } from "./words.js";

const AWAY = "AGENT_AWAY";
/** A shorter absence is not seen at this scale, and the last word of a run is some seconds old. */
const GAP_MS = 15_000;

/** The stretch of the day to show, in whole hours: what has been, and of the session ahead at most as much. */
function stretchOf(now, day, today) {
  const past = today.map((change) => Date.parse(change.at));
  const ahead = bells().filter((at) => at >= now && at < day + 24 * HOUR);
  const first = Math.max(day, Math.min(now - HOUR / 4, ...past));
  const start = day + Math.floor((first - day) / HOUR) * HOUR;
  const last = Math.max(now, ...ahead);
  const end = Math.min(last, now + Math.max(HOUR, now - start));
  return { start, end: day + Math.ceil((end + 1 - day) / HOUR) * HOUR };
}

/** A machine's states, or the answer's codes, one after the other from `start` until now. */
function spansOf(edges, start, now) {
  const spans = [];
  edges.forEach((edge, index) => {
    const from = Math.max(start, Date.parse(edge.at));
    const to = index + 1 < edges.length ? Date.parse(edges[index + 1].at) : now;
    if (to <= from) return;
    const last = spans.at(-1);
    if (last && last.state === edge.after) last.to = to;
    else spans.push({ from, to, state: edge.after });
  });
  return spans;
}

/** The spans without the times in which the agent was away: whatever was known last, nobody looked. */
function withGaps(spans, runs, now) {
  const last = runs.at(-1);
  const until = isLive() ? now : Math.min(now, desk.validUntil);
  const ran = last ? [...runs.slice(0, -1), { ...last, to: until }] : [];
  return spans.flatMap((span) => {
    const pieces = [];
    let at = span.from;
    for (const { from, to } of ran) {
      if (to <= at || from >= span.to) continue;
      if (from > at + GAP_MS) pieces.push({ from: at, to: from, state: AWAY });
      pieces.push({ ...span, from: Math.max(at, from), to: Math.min(span.to, to) });
      at = Math.min(span.to, to);
    }
    if (span.to > at + GAP_MS) pieces.push({ from: at, to: span.to, state: AWAY });
    return ran.length ? pieces : [span];
  });
}

/** What is yet to come, until `end`, of the next session or the present one. */
function sessionAhead(now, end) {
  const [open, close] = bells();
  const from = open < close ? open : now;
  return close > now && from < end ? { from, to: Math.min(close, end) } : null;
}

function tracks(changes, runs, start, now, end) {
  const oldestFirst = changes.toReversed?.() ?? [...changes].reverse();
  const machines = Object.entries(desk.health.machines).filter(([, machine]) => machine.role !== "agent");
  machines.sort(([, a], [, b]) => (b.role === "market") - (a.role === "market"));
  const named = machines.map(([name, machine]) => ({
    name,
    isMarket: machine.role === "market",
    ahead: machine.role === "market" ? sessionAhead(now, end) : null,
    edges: oldestFirst.filter((change) => change.subject === "machine" && change.name === name),
  }));
  const answer = { name: "answer", edges: oldestFirst.filter((change) => change.subject === "lead") };
  return [...named, answer].map((track) => {
    const spans = withGaps(spansOf(track.edges, start, now), runs, now);
    return { ...track, spans };
  });
}

/** Draw it anew. */
export function drawStrip(changes, runs, now, day, today) {
  const { start, end } = stretchOf(now, day, today);
  const place = (at) => `${(((at - start) / (end - start)) * 100).toFixed(3)}%`;
  const drawn = tracks(changes, runs, start, now, end);
  const strip = part("strip");
  strip.replaceChildren(...drawn.map((track) => trackRow(track, place)), axis(start, end, place));
  strip.append(overlay(changes, now, start, end, place));
  strip.setAttribute("aria-label", drawn.map(inWords).join(". "));
}

function inWords({ name, spans }) {
  const told = spans.map((span) => `${span.state} from ${formats.minute.format(span.from)}`);
  return `${name}: ${told.join(", ") || "nothing known"}`;
}

function trackRow({ name, isMarket, spans, ahead }, place) {
  const made = element("div", undefined, isMarket ? "track market" : "track");
  const line = element("div", undefined, "line");
  for (const span of spans) {
    const bar = between(place, span.from, span.to);
    if (isMarket && span.state !== AWAY) bar.append(element("span", span.state));
    bar.dataset.tone = STATE_TONES[span.state] ?? "blue";
    bar.classList.toggle("calm", CALM_TONES.includes(bar.dataset.tone));
    bar.title = `${span.state}, ${instant(span.from)} to ${instant(span.to)}`;
    line.append(bar);
  }
  if (ahead) line.append(between(place, ahead.from, ahead.to, "ahead"));
  made.append(element("span", name), line);
  return made;
}

function between(place, from, to, className) {
  const bar = element("i", undefined, className);
  bar.style.left = place(from);
  bar.style.right = `calc(100% - ${place(to)})`;
  return bar;
}

function axis(start, end, place) {
  const made = element("div", undefined, "track axis");
  const line = element("div", undefined, "line");
  const step = Math.max(1, Math.ceil((end - start) / HOUR / 5)) * HOUR;
  for (let at = start; at < end; at += step) {
    const label = element("time", formats.minute.format(at));
    label.style.left = place(at);
    line.append(label);
  }
  made.append(element("span", formats.label), line);
  return made;
}

/** Upright lines over all tracks: the agent's starts, the bells, and now. */
function overlay(changes, now, start, end, place) {
  const made = element("div", undefined, "overlay");
  const isStart = (change) => change.subject === "machine" && change.name === "agent" && change.before === null;
  const starts = changes.filter(isStart).map((change) => Date.parse(change.at));
  const lines = [...starts.map((at) => [at, "start"]), ...bells().map((at) => [at, "bell"]), [now, "now"]];
  for (const [at, kind] of lines) {
    if (!(at >= start && at <= end)) continue;
    const line = element("i", undefined, kind);
    line.style.left = place(at);
    made.append(line);
  }
  return made;
}
