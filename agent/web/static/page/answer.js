// The leading answer: what it is, how bad, since when, and what to do now.

import { desk, isLive } from "./desk.js";
import { perform } from "./doing.js";
import { listen, TRYING } from "./hearing.js";
import { keepSaying, link, part, root, say, show, sign, stopSaying } from "./parts.js";
import { leads } from "./problems.js";
import { agentNow, anchor, instant } from "./time.js";
import { capitalized, duration, headline, PHASES, SESSION_SIGNS, severityOf } from "./words.js";

let spokenKey = "";

/** Draw it; out of contact nothing is known, and the page says so. */
export function drawAnswer() {
  const answer = isLive() ? presentAnswer() : lostAnswer();
  root.dataset.tone = answer.tone;
  root.toggleAttribute("data-loud", answer.loud);
  sign(part("sign"), answer.sign);
  say(part("severity"), answer.severity);
  say(part("headline"), answer.headline);
  say(part("message"), capitalized(answer.message));
  show(part("code"), answer.code);
  drawSince(answer);
  drawAction(answer.action);
  const name = desk.health?.agent.name ?? "openbell";
  document.title = `${answer.loud ? "▲ " : ""}${answer.code ?? answer.headline} · ${name}`;
  speak(answer);
}

function presentAnswer() {
  const severity = severityOf(desk.health.severity);
  const lead = desk.health.problems.find(leads);
  return {
    tone: desk.health.color,
    loud: ["critical", "unknown"].includes(desk.health.severity) && desk.health.code !== "STARTING",
    sign: desk.health.severity === "ok" ? (SESSION_SIGNS[desk.health.code] ?? "ok") : severity.sign,
    severity: [severity.word, PHASES[lead?.phase], desk.health.cause.group].filter(Boolean).join(" · "),
    headline: headline(desk.health.code),
    message: desk.health.message,
    code: desk.health.code,
    since: Date.parse(desk.health.since),
    action: desk.health.action,
    urgent: desk.health.severity === "critical",
  };
}

function lostAnswer() {
  const again = { kind: "again", label: "Try again now", method: "LISTEN" };
  const lost = { tone: "grey", loud: true, sign: "lost", severity: "Not known", action: again, urgent: true };
  if (!desk.health) {
    const waiting = desk.contact === "none";
    return {
      ...lost,
      loud: !waiting,
      sign: waiting ? "unknown" : "lost",
      headline: waiting ? "Connecting…" : "The agent does not answer",
      message: waiting ? "Waiting for the agent’s answer." : "This page keeps trying by itself.",
      action: waiting ? null : again,
      urgent: false,
    };
  }
  const last = { since: anchor.agent, sinceWords: "last heard" };
  if (desk.elsewhere) return { ...lost, ...last, ...elsewhere(desk.elsewhere) };
  return {
    ...lost,
    ...last,
    headline: "Out of contact",
    message:
      `Nothing has been heard from the agent, so nothing on this page is to be trusted now. ` +
      `Its last answer was ${desk.health.code}: ${headline(desk.health.code).toLowerCase()}.`,
  };
}

/** This agent stands by: who has the desk, and the way there; to the fleet where it is not known. */
function elsewhere({ detail, owner, url }) {
  const action = { kind: "elsewhere", label: url ? `Open ${owner}` : "See the fleet", method: "GET", href: url ?? "/fleet" };
  return { headline: "Another agent has the desk", message: detail, action };
}

function drawSince({ since, sinceWords }) {
  const place = part("since");
  place.hidden = since === undefined;
  if (since === undefined) return stopSaying(place, "");
  keepSaying(place, () => {
    const passed = duration(agentNow() - since);
    return sinceWords
      ? `${sinceWords} ${passed} ago, at ${instant(since)}`
      : `for ${passed}, since ${instant(since)}`;
  });
}

function drawAction(action) {
  const [go, act] = [part("go"), part("act")];
  const isLink = action?.method === "GET";
  link(go, isLink ? action.href : null, action?.label);
  act.hidden = !action || isLink;
  if (act.kind !== action?.kind) say(part("outcome"), "");
  act.kind = action?.kind;
  if (act.hidden) return;
  say(act, action.label);
  const isPost = action.method === "POST";
  act.onclick = () => (isPost ? perform(act, part("outcome"), action.href, "Working…") : tryAgain());
}

function tryAgain() {
  say(part("outcome"), TRYING);
  listen();
}

/** Tell a screen reader what has changed, and nothing of what merely ticks. */
function speak(answer) {
  const key = `${answer.headline}|${answer.severity}`;
  if (key === spokenKey) return;
  const first = spokenKey === "";
  spokenKey = key;
  const text = `${answer.severity}: ${answer.headline}. ${answer.message}`;
  say(part("alarm"), answer.urgent && !first ? text : "");
  say(part("spoken"), answer.urgent && !first ? "" : text);
}
