// Hearing of the fleet: its event stream, and whether what is shown may still be believed.

import { part, say, ticking } from "../page/parts.js";
import { agentNow, elapsed, learnTime } from "../page/time.js";
import { duration } from "../page/words.js";
import { fleet, takeChanges, takeDocument } from "./fleet.js";

const PATIENCE_MS = 8_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000];
const RELISTEN_MS = 15_000;

const began = { steady: performance.now(), wall: Date.now() };
const listening = { stream: null, mark: began, failures: 0, retry: null, validUntil: NaN, heardAt: NaN, draw: null };

function listen() {
  clearTimeout(listening.retry);
  listening.stream?.close();
  listening.mark = { steady: performance.now(), wall: Date.now() };
  const stream = new EventSource("/api/fleet/events");
  listening.stream = stream;
  stream.addEventListener("document", (event) => {
    const told = JSON.parse(event.data);
    takeDocument(told);
    heard(told);
    listening.draw();
  });
  stream.addEventListener("changes", (event) => {
    const told = JSON.parse(event.data);
    if (!takeChanges(told)) return listen();
    heard(told);
    listening.draw();
  });
  stream.addEventListener("refresh", (event) => heard(JSON.parse(event.data)));
  stream.addEventListener("error", () => lose(stream));
}

function lose(stream) {
  if (stream !== listening.stream) return;
  stream.close();
  sayContact();
  const pause = RETRY_MS[Math.min(listening.failures, RETRY_MS.length - 1)];
  listening.failures += 1;
  clearTimeout(listening.retry);
  listening.retry = setTimeout(listen, pause * (0.75 + Math.random() / 2));
}

function heard(stamps) {
  listening.failures = 0;
  listening.heardAt = Date.parse(stamps.generated_at);
  listening.validUntil = Date.parse(stamps.valid_until);
  learnTime(listening.heardAt, true);
  judge();
}

function judge() {
  if (fleet.document) fleet.contact = agentNow() <= listening.validUntil ? "live" : "lost";
  else if (elapsed(began) > PATIENCE_MS) fleet.contact = "lost";
  sayContact();
}

function sayContact() {
  const isOpen = listening.stream?.readyState === EventSource.OPEN;
  const words = { none: "connecting", live: isOpen ? "live" : "reconnecting", lost: "out of contact" };
  say(part("contact"), words[fleet.contact]);
  const age = agentNow() - listening.heardAt;
  say(part("heard"), Number.isNaN(age) ? "" : `updated ${duration(age)} ago`);
}

/** Once a second: the ages, and whether this may still be believed. */
function tick() {
  const before = fleet.contact;
  judge();
  if (fleet.contact !== before) listening.draw();
  if (fleet.contact === "lost" && elapsed(listening.mark) > RELISTEN_MS) listen();
  for (const [place, tell] of ticking) {
    if (place.isConnected) say(place, tell());
    else ticking.delete(place);
  }
}

/** Someone looks at the page again: after a sleep it must not show what was. */
function wake() {
  if (document.visibilityState !== "visible") return;
  tick();
  if (fleet.contact === "lost" || listening.stream?.readyState !== EventSource.OPEN) listen();
}

/** Begin: `draw` is called with whatever is new, and when the contact is lost or back. */
export function hear(draw) {
  listening.draw = draw;
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("pageshow", (event) => event.persisted && listen());
  window.addEventListener("online", listen);
  listen();
  setInterval(tick, 1_000);
}
