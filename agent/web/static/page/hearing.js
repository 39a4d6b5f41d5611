// Hearing the agent: its event stream, and whether it may still be believed.

import { desk } from "./desk.js";
import { renewSession } from "./doing.js";
import { part, say, ticking } from "./parts.js";
import { agentNow, elapsed, formats, learnTime, useZone } from "./time.js";

const PATIENCE_MS = 8_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000];
export const TRYING = "Trying…";
const RELISTEN_MS = 15_000;

const began = { steady: performance.now(), wall: Date.now() };
const listening = { stream: null, mark: began, failures: 0, retry: null };

/** Open the event stream anew. */
export function listen() {
  clearTimeout(listening.retry);
  listening.stream?.close();
  listening.mark = { steady: performance.now(), wall: Date.now() };
  const stream = new EventSource("/api/system/events");
  listening.stream = stream;
  let isFirst = true;
  stream.addEventListener("document", (event) => {
    take(JSON.parse(event.data), !isFirst);
    isFirst = false;
  });
  stream.addEventListener("refresh", (event) => refresh(JSON.parse(event.data)));
  stream.addEventListener("error", () => lose(stream));
}

async function lose(stream) {
  if (stream !== listening.stream) return;
  const isRefused = stream.readyState === EventSource.CLOSED;
  stream.close();
  sayContact();
  if (part("outcome").textContent === TRYING) say(part("outcome"), "It does not answer yet.");
  const pause = RETRY_MS[Math.min(listening.failures, RETRY_MS.length - 1)];
  listening.failures += 1;
  if (isRefused) await Promise.all([renewSession(), learnOwner()]);
  clearTimeout(listening.retry);
  listening.retry = setTimeout(listen, pause * (0.75 + Math.random() / 2));
}

/** One that stands by has taken back what it said, and knows who has the desk. */
async function learnOwner() {
  const answer = await fetch("/api/system/health").catch(() => null);
  const said = answer?.status === 503 ? await answer.json().catch(() => null) : null;
  if (said?.code !== "STANDBY") return;
  Object.assign(desk, { elsewhere: said, validUntil: NaN });
  judgeContact();
  listening.draw();
}

function take(told, isFresh) {
  if (desk.health && told.agent.version !== desk.health.agent.version) return location.reload();
  listening.failures = 0;
  learnTime(Date.parse(told.generated_at), isFresh);
  const isNews = told.revision !== desk.health?.revision;
  desk.health = told;
  desk.elsewhere = null;
  desk.validUntil = Date.parse(told.valid_until);
  const market = Object.values(told.machines).find((machine) => machine.role === "market");
  useZone(market?.attributes.zone ?? told.market?.calendar?.zone);
  judgeContact();
  listening.draw();
  listening.news(isNews);
}

/** The agent lives and nothing has changed; measures move without a change, so whoever looks asks for them. */
function refresh(stamps) {
  listening.failures = 0;
  learnTime(Date.parse(stamps.now ?? stamps.generated_at), true);
  desk.validUntil = Date.parse(stamps.valid_until);
  tick();
  if (document.visibilityState === "visible") pull();
}

async function pull() {
  const answer = await fetch("/api/system/health").catch(() => null);
  if (!answer?.ok) return;
  const told = await answer.json();
  if (told.revision >= (desk.health?.revision ?? 0)) take(told, false);
}

function judgeContact() {
  if (desk.health) desk.contact = agentNow() <= desk.validUntil ? "live" : "lost";
  else if (elapsed(began) > PATIENCE_MS) desk.contact = "lost";
  sayContact();
}

function sayContact() {
  const isOpen = listening.stream?.readyState === EventSource.OPEN;
  const words = { none: "connecting", live: isOpen ? "live" : "reconnecting", lost: "out of contact" };
  say(part("contact"), words[desk.contact]);
  say(part("clock"), desk.contact === "live" ? `${formats.second.format(agentNow())} ${formats.label}` : "");
}

/** Once a second: the ages, the countdown, and whether the agent may still be believed. */
function tick() {
  const before = desk.contact;
  judgeContact();
  if (desk.contact !== before) listening.draw();
  if (desk.contact === "lost" && elapsed(listening.mark) > RELISTEN_MS) listen();
  for (const [place, tell] of ticking) {
    if (place.isConnected) say(place, tell());
    else ticking.delete(place);
  }
}

function tickOnTheSecond() {
  tick();
  setTimeout(tickOnTheSecond, 1000 - ((agentNow() || 0) % 1000));
}

/** Someone looks at the page again: after a sleep it must not show what was. */
function wake() {
  if (document.visibilityState !== "visible") return;
  tick();
  if (desk.contact === "lost" || listening.stream?.readyState !== EventSource.OPEN) listen();
  else pull();
}

/** Begin: `draw` is called with every document, `news` with every one that says something new. */
export function hear({ draw, news }) {
  Object.assign(listening, { draw, news });
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("pageshow", (event) => event.persisted && listen());
  window.addEventListener("online", listen);
  listen();
  tickOnTheSecond();
}
