// The countdown to the next bell, and whether the desk is ready.

import { desk, isLive } from "./desk.js";
import { element, fill, keepSaying, part, say, stopSaying } from "./parts.js";
import { agentNow, instant, isToday } from "./time.js";
import { duration } from "./words.js";

/** The next open and the next close, `NaN` where none is known. */
export function bells() {
  const { market } = desk.health;
  return [market?.next_open_at, market?.next_close_at].map((at) => Date.parse(at ?? ""));
}

export function drawBell() {
  const market = desk.health.market;
  const [open, close] = bells();
  const known = isLive();
  const closes = market?.state === "LIVE" || (close < open && close > agentNow());
  const at = closes ? close : open;
  say(part("bell-title"), closes ? "Closes in" : "Opens in");
  if (Number.isNaN(at)) {
    say(part("bell-title"), "Next bell");
    say(part("bell-at"), market ? "The calendar does not say." : "No market is watched.");
    return stopSaying(part("countdown"), "–");
  }
  const bell = `${closes ? "closes" : "opens"} ${isToday(at) ? "at" : "on"} ${instant(at)}`;
  say(part("bell-at"), known ? `${market.state} now, ${bell}` : `By its last word, the market ${bell}`);
  if (!known) return stopSaying(part("countdown"), "–");
  keepSaying(part("countdown"), () => (agentNow() >= at ? "any moment" : duration(at - agentNow() + 999)));
}

export function drawReadiness() {
  const known = isLive();
  say(part("ready"), known ? (desk.health.ready ? "Ready" : "Not ready") : "Not known");
  part("ready").dataset.sign = known ? (desk.health.ready ? "yes" : "no") : "unknown";
  say(part("tradable"), known ? tradableWords() : "Take it that it is not safe to trade.");
  fill(part("blockers"), known ? desk.health.blockers : [], (blocker) => {
    const item = element("li");
    item.append(element("b", `${blocker.machine} is ${blocker.state}`), element("code", blocker.reason));
    item.append(element("span", `wanted: ${blocker.wanted.join(" or ")}`));
    return item;
  });
}

function tradableWords() {
  if (desk.health.tradable) return "It is safe to trade.";
  if (!desk.health.ready) return "It is not safe to trade.";
  return `It is not safe to trade yet: the market is ${desk.health.market?.state ?? "not watched"}.`;
}
