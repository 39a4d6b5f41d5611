// The agent's time and the exchange's zone: ages and countdowns are told by the agent's clock.

// The agent's clock may differ from ours, so ages and countdowns are told by its clock: the
// latest instant that it sent, and what has passed here since. A sleeping computer may stop its
// steady clock and a person may set the wall clock back, so the larger of the two counts.

export const HOUR = 3_600_000;
const RENEWAL_SLACK_MS = 15_000;

export const anchor = { agent: NaN, steady: 0, wall: 0 };
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export let formats = formatsFor(zone);

export const elapsed = (mark) => Math.max(performance.now() - mark.steady, Date.now() - mark.wall);
export const agentNow = () => anchor.agent + elapsed(anchor);

/** Learn the agent's time; a stamp that is not `fresh` may lag behind by a renewal. */
export function learnTime(stamp, fresh) {
  const lag = agentNow() - stamp;
  if (!fresh && lag >= 0 && lag < RENEWAL_SLACK_MS) return;
  Object.assign(anchor, { agent: stamp, steady: performance.now(), wall: Date.now() });
}

function formatsFor(timeZone) {
  const of = (options) => new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...options });
  return {
    minute: of({ hour: "2-digit", minute: "2-digit" }),
    second: of({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    month: of({ month: "long", year: "numeric" }),
    day: of({ weekday: "short", day: "numeric", month: "short" }),
    label: zoneLabel(timeZone),
  };
}

/** The zone's own short name where some locale knows one, such as IST. */
function zoneLabel(timeZone) {
  const names = ["en-IN", "en-US", "en-GB"].map((locale) => {
    const parts = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" }).formatToParts();
    return parts.find((part) => part.type === "timeZoneName").value;
  });
  return names.find((name) => !/^(GMT|UTC)[+-]/.test(name)) ?? names[0];
}

export function useZone(name) {
  if (typeof name !== "string" || name === zone) return;
  try {
    formats = formatsFor(name);
    zone = name;
  } catch {
    // A zone that this browser does not know: its own is shown, with its label.
  }
}

/** The start of the exchange's day; a day with a change of daylight saving is an hour off. */
export function dayOf(at) {
  const [hours, minutes, seconds] = formats.second.format(at).split(":").map(Number);
  return Math.floor(at / 1000) * 1000 - ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

export const isToday = (at) => formats.day.format(at) === formats.day.format(agentNow());

/** The instant without its seconds. */
export const minuteOf = (at) => at - (at % 60_000);

/** "09:15 IST", with the day where it is another one. */
export function instant(at) {
  if (Number.isNaN(at)) return "";
  const time = (at % 60_000 ? formats.second : formats.minute).format(at);
  return `${isToday(at) ? "" : `${formats.day.format(at)}, `}${time} ${formats.label}`;
}
