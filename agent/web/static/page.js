// The status page: draws what the agent publishes, and says so when the agent is no longer heard.
// Every text enters the page as text, never as markup.

// ---- words ---------------------------------------------------------------------------------

const HEADLINES = {
  AUTH_REQUIRED: "Broker login needed",
  FEED_DISCONNECTED: "The feed is down",
  FEED_STALE: "The feed has gone quiet",
  MACHINE_UNKNOWN: "Something cannot be seen",
  AGENT_DEGRADED: "The agent needs care",
  BROKER_UNREACHABLE: "The broker does not answer",
  CLOCK_OFFSET: "The clock is wrong",
  CALENDAR_ENDS: "The calendar ends soon",
  CALENDAR_DOUBTFUL: "The calendar is in doubt",
  LIVE: "The market is open",
  PRE_OPEN: "Soon the bell rings",
  CLOSED: "The market is closed",
  STARTING: "Starting up",
  UNKNOWN: "No rule has an answer",
};

const SEVERITIES = {
  ok: { word: "All well", sign: "ok", tone: "green" },
  info: { word: "For your notice", sign: "info", tone: "blue" },
  warning: { word: "Warning", sign: "warning", tone: "yellow" },
  unknown: { word: "Unknown", sign: "unknown", tone: "grey" },
  critical: { word: "Critical", sign: "critical", tone: "red" },
};

const SESSION_SIGNS = { LIVE: "bell", PRE_OPEN: "waiting", CLOSED: "night" };

const PHASES = { pending: "not yet counted", clearing: "clearing", suppressed: "explained" };

const STATE_TONES = {
  LIVE: "green", PRE_OPEN: "blue", CLOSED: "quiet",
  VALID: "green", EXPIRED: "red", REQUIRED: "red",
  CONNECTED: "green", CONNECTING: "yellow", STALE: "yellow", DISCONNECTED: "yellow",
  AUTH_REQUIRED: "red", FEED_STALE: "yellow", FEED_DISCONNECTED: "yellow", AGENT_DEGRADED: "grey",
  BROKER_UNREACHABLE: "yellow", CLOCK_OFFSET: "yellow",
  UNKNOWN: "grey", MACHINE_UNKNOWN: "grey",
};

const CALM_TONES = ["green", "blue", "quiet"];

const ROLE_ACTIONS = {
  auth: { action: "verify", label: "Verify", busy: "Asking the broker…" },
  feed: { action: "reconnect", label: "Reconnect", busy: "Reconnecting…" },
};

const UNITS = {
  s: (value) => {
    if (Math.abs(value) < 1) return UNITS.ms(value * 1000);
    return value < 60 ? `${number(value, 1)} s` : duration(value * 1000);
  },
  ms: (value) => (Math.abs(value) < 1000 ? `${number(value, 1)} ms` : UNITS.s(value / 1000)),
  days: (value) => `${number(value, 1)} days`,
  percent: (value) => `${number(value, 1)} %`,
  bytes: (value) => `${number(value / 1024, 0)} kB`,
};

const isCalm = (state) => CALM_TONES.includes(STATE_TONES[state]);
const headline = (code) => HEADLINES[code] ?? capitalized(spaced(code));
const spaced = (name) => name.replaceAll(/[_-]+/g, " ").trim().toLowerCase();
const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const severityOf = (name) => SEVERITIES[name] ?? SEVERITIES.unknown;
const number = (value, digits) => value.toLocaleString("en-IN", { maximumFractionDigits: digits });

/** A length of time in its two largest units. */
function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** A measure's name and value in words: `tick_age_s`, 0.4 is "tick age", "0.4 s". */
function measure([name, value]) {
  const [, stem, unit] = /^(.*)_(s|ms|days|percent|bytes)$/.exec(name) ?? [null, name, null];
  return [spaced(stem), unit ? UNITS[unit](value) : number(value, 2)];
}

/** An attribute in words, `null` for one that is not a single value. */
function attribute([name, value]) {
  if (value === null || typeof value === "object") return null;
  const isInstant = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value);
  return [spaced(name.replace(/_at$/, "")), isInstant ? instant(Date.parse(value)) : String(value)];
}

// ---- time ----------------------------------------------------------------------------------
// The agent's clock may differ from ours, so ages and countdowns are told by its clock: the
// latest instant that it sent, and what has passed here since. A sleeping computer may stop its
// steady clock and a person may set the wall clock back, so the larger of the two counts.

const HOUR = 3_600_000;
const RENEWAL_SLACK_MS = 15_000;

const anchor = { agent: NaN, steady: 0, wall: 0 };
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let formats = formatsFor(zone);

const elapsed = (mark) => Math.max(performance.now() - mark.steady, Date.now() - mark.wall);
const agentNow = () => anchor.agent + elapsed(anchor);

/** Learn the agent's time; a stamp that is not `fresh` may lag behind by a renewal. */
function learnTime(stamp, fresh) {
  const lag = agentNow() - stamp;
  if (!fresh && lag >= 0 && lag < RENEWAL_SLACK_MS) return;
  Object.assign(anchor, { agent: stamp, steady: performance.now(), wall: Date.now() });
}

function formatsFor(timeZone) {
  const of = (options) => new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...options });
  return {
    minute: of({ hour: "2-digit", minute: "2-digit" }),
    second: of({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
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

function useZone(name) {
  if (typeof name !== "string" || name === zone) return;
  try {
    formats = formatsFor(name);
    zone = name;
  } catch {
    // A zone that this browser does not know: its own is shown, with its label.
  }
}

/** The start of the exchange's day; a day with a change of daylight saving is an hour off. */
function dayOf(at) {
  const [hours, minutes, seconds] = formats.second.format(at).split(":").map(Number);
  return Math.floor(at / 1000) * 1000 - ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

const isToday = (at) => formats.day.format(at) === formats.day.format(agentNow());

/** "09:15 IST", with the day where it is another one. */
function instant(at) {
  if (Number.isNaN(at)) return "";
  const time = (at % 60_000 ? formats.second : formats.minute).format(at);
  return `${isToday(at) ? "" : `${formats.day.format(at)}, `}${time} ${formats.label}`;
}

// ---- the page's parts ----------------------------------------------------------------------

const root = document.documentElement;
const part = (id) => document.getElementById(id);
const ticking = new Map();

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say a text where there is one; without, the element is away. */
function show(element, text) {
  say(element, text ?? "");
  element.hidden = !text;
}

/** Say a text that changes with time; it is told anew every second. */
function keepSaying(element, tell) {
  ticking.set(element, tell);
  say(element, tell());
}

function stopSaying(element, text) {
  ticking.delete(element);
  say(element, text);
}

function sign(use, name) {
  const href = `#sign-${name}`;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A copy of a template, and its slots by name. */
function copy(id) {
  const made = part(id).content.firstElementChild.cloneNode(true);
  const slots = [...made.querySelectorAll("[data-slot]")].map((slot) => [slot.dataset.slot, slot]);
  return { made, slots: Object.fromEntries(slots) };
}

/** Make a list anew, only if what it shows has changed. */
function fill(list, items, make) {
  const shown = JSON.stringify(items);
  if (list.shown === shown) return;
  list.shown = shown;
  list.replaceChildren(...items.map(make));
  list.hidden = items.length === 0;
}

/** The address, if it is one that a page may lead to; `null` for any other. */
function safeUrl(href) {
  try {
    const url = new URL(href, location.href);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function link(anchorElement, href, label) {
  const url = href ? safeUrl(href) : null;
  anchorElement.hidden = !url;
  if (!url) return;
  anchorElement.href = url.href;
  if (label) say(anchorElement, label);
}

// ---- the answer ----------------------------------------------------------------------------

let health = null;
let validUntil = NaN;
let contact = "none";
let spokenKey = "";

function draw() {
  root.dataset.contact = contact;
  const answer = contact === "live" ? presentAnswer() : lostAnswer();
  drawAnswer(answer);
  speak(answer);
  if (!health) return;
  for (const late of document.querySelectorAll("[data-late]")) late.classList.add("here");
  say(part("desk"), health.agent.name);
  drawBell();
  drawReadiness();
  drawProblems();
  drawMachines();
  drawFooter();
  drawDay();
}

function presentAnswer() {
  const severity = severityOf(health.severity);
  const lead = health.problems.find(leads);
  return {
    tone: health.color,
    loud: ["critical", "unknown"].includes(health.severity) && health.code !== "STARTING",
    sign: health.severity === "ok" ? (SESSION_SIGNS[health.code] ?? "ok") : severity.sign,
    severity: [severity.word, PHASES[lead?.phase], health.cause.group].filter(Boolean).join(" · "),
    headline: headline(health.code),
    message: health.message,
    code: health.code,
    since: Date.parse(health.since),
    action: health.action,
    urgent: health.severity === "critical",
  };
}

function lostAnswer() {
  const again = { kind: "again", label: "Try again now", method: "LISTEN" };
  const lost = { tone: "grey", loud: true, sign: "lost", severity: "Not known", action: again, urgent: true };
  if (!health) {
    const waiting = contact === "none";
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
  return {
    ...lost,
    headline: "Out of contact",
    message:
      `Nothing has been heard from the agent, so nothing on this page is to be trusted now. ` +
      `Its last answer was ${health.code}: ${headline(health.code).toLowerCase()}.`,
    since: anchor.agent,
    sinceWords: "last heard",
  };
}

function drawAnswer(answer) {
  root.dataset.tone = answer.tone;
  root.toggleAttribute("data-loud", answer.loud);
  sign(part("sign"), answer.sign);
  say(part("severity"), answer.severity);
  say(part("headline"), answer.headline);
  say(part("message"), capitalized(answer.message));
  show(part("code"), answer.code);
  drawSince(answer);
  drawAction(answer.action);
  const desk = health?.agent.name ?? "openbell";
  document.title = `${answer.loud ? "▲ " : ""}${answer.code ?? answer.headline} · ${desk}`;
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
  say(part("outcome"), "Trying…");
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

// ---- bell and readiness --------------------------------------------------------------------

const bells = () => [health.market?.next_open_at, health.market?.next_close_at].map((at) => Date.parse(at ?? ""));

function drawBell() {
  const market = health.market;
  const [open, close] = bells();
  const known = contact === "live";
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

function drawReadiness() {
  const known = contact === "live";
  say(part("ready"), known ? (health.ready ? "Ready" : "Not ready") : "Not known");
  part("ready").dataset.sign = known ? (health.ready ? "yes" : "no") : "unknown";
  say(part("tradable"), known ? tradableWords() : "Take it that it is not safe to trade.");
  fill(part("blockers"), known ? health.blockers : [], (blocker) => {
    const item = element("li");
    item.append(element("b", `${blocker.machine} is ${blocker.state}`), element("code", blocker.reason));
    item.append(element("span", `wanted: ${blocker.wanted.join(" or ")}`));
    return item;
  });
}

function tradableWords() {
  if (health.tradable) return "It is safe to trade.";
  if (!health.ready) return "It is not safe to trade.";
  return `It is not safe to trade yet: the market is ${health.market?.state ?? "not watched"}.`;
}

// ---- problems ------------------------------------------------------------------------------

const leads = (problem) => problem.rule === health.cause.rule && problem.group === health.cause.group;

/** Whether the answer says it already: another rule may lead with the same code for the same machine. */
const isTold = (problem) =>
  leads(problem) ||
  (problem.code === health.code && problem.group === health.cause.group && problem.machine === health.cause.machine);

const explainedBy = (cause) => (problem) =>
  problem.suppressed_by.includes(cause.rule) && (cause.group === null || cause.group === problem.group);

/** Whether it is on its way out: its machine is well again, and only time must confirm it. */
const isPassing = (problem) =>
  ["clearing", "suppressed"].includes(problem.phase) && isCalm(health.machines[problem.machine]?.state);

/** The problems as a tree: each one that is explained hangs on its first cause. */
function problemTree() {
  const causes = health.problems.filter((problem) => problem.suppressed_by.length === 0);
  const placed = new Set();
  const tree = causes.map((problem) => {
    const children = health.problems.filter(explainedBy(problem)).filter((child) => !placed.has(child));
    children.forEach((child) => placed.add(child));
    return { problem, children };
  });
  const orphans = health.problems.filter((problem) => !causes.includes(problem) && !placed.has(problem));
  const rest = orphans.filter((problem) => !isPassing(problem));
  return [...tree, ...rest.map((problem) => ({ problem, children: [] }))];
}

function drawProblems() {
  const tree = problemTree();
  const others = tree.filter((branch) => !isTold(branch.problem));
  const explained = tree.filter((branch) => isTold(branch.problem)).flatMap((branch) => branch.children);
  fill(part("explains"), contact === "live" ? explained : [], explainedItem);
  fill(part("others"), others, problemItem);
  part("problems").hidden = others.length === 0;
  say(part("problems-title"), health.severity === "ok" ? "Problems" : "Further problems");
}

const explanation = (problem) => `Explained by ${problem.suppressed_by.join(", ")}`;

function explainedItem(problem) {
  const item = element("li");
  item.append(element("b", headline(problem.code)), element("code", problem.code));
  item.append(element("span", "follows from this, and clears by itself", "soft"));
  return item;
}

function problemItem({ problem, children }) {
  const { made, slots } = copy("problem");
  const isExplained = problem.suppressed_by.length > 0;
  const isQuiet = isExplained || problem.phase === "pending";
  const severity = severityOf(problem.severity);
  made.dataset.tone = isQuiet ? "grey" : severity.tone;
  sign(slots.sign, isQuiet ? "waiting" : severity.sign);
  say(slots.severity, `${severity.word}: `);
  say(slots.title, [headline(problem.code), problem.group].filter(Boolean).join(" · "));
  show(slots.phase, PHASES[problem.phase]);
  say(slots.code, problem.code);
  say(slots.message, capitalized(problem.message));
  const since = Date.parse(problem.since);
  keepSaying(slots.since, () => `for ${duration(agentNow() - since)}`);
  show(slots.note, isExplained && `${explanation(problem)}, which has just ended: it has a little time to clear.`);
  fill(slots.children, children, explainedItem);
  return made;
}

// ---- machines ------------------------------------------------------------------------------

const cards = new Map();

function drawMachines() {
  say(part("machines-title"), contact === "live" ? "Machines" : "Machines, as last heard");
  for (const [name, card] of cards) {
    if (name in health.machines) continue;
    card.made.remove();
    cards.delete(name);
  }
  for (const [name, machine] of Object.entries(health.machines)) {
    if (!cards.has(name)) cards.set(name, newCard(name, machine));
    drawMachine(cards.get(name), name, machine);
  }
}

function newCard(name, machine) {
  const card = copy("machine");
  const offer = ROLE_ACTIONS[machine.role];
  part("machines").append(card.made);
  show(card.slots.act, offer?.label);
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
  const pointing = health.problems.filter((problem) => problem.machine === name && counts(problem));
  pointing.sort((a, b) => order.indexOf(b.severity) - order.indexOf(a.severity));
  const worst = pointing.find((problem) => problem.suppressed_by.length === 0);
  if (worst) {
    const severity = severityOf(worst.severity);
    return { sign: severity.sign, tone: isTold(worst) ? health.color : severity.tone };
  }
  if (pointing.length) return { sign: "waiting", tone: "grey", note: explanation(pointing[0]) };
  if (machine.state === "UNKNOWN") return { sign: "unknown", tone: "grey" };
  if (machine.role === "market") {
    return { sign: SESSION_SIGNS[machine.state] ?? "ok", tone: STATE_TONES[machine.state] ?? "blue" };
  }
  if (health.blockers.some((blocker) => blocker.machine === name)) return { sign: "waiting", tone: "quiet" };
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

// ---- the day -------------------------------------------------------------------------------

const HISTORY_LIMIT = 1000;
const HISTORY_PAUSE_MS = 700;
const LATEST = 6;

let changes = null;
let asking = null;

/** Ask for the latest changes soon, once for any number of wishes: the journal writes a moment later. */
function wishForChanges() {
  asking ??= setTimeout(askForChanges, HISTORY_PAUSE_MS);
}

async function askForChanges() {
  asking = null;
  const limit = changes?.length ? 100 : HISTORY_LIMIT;
  const answer = await fetch(`/api/system/history?limit=${limit}`).catch(() => null);
  if (!answer?.ok) return;
  keepChanges((await answer.json()).transitions);
  drawDay();
}

/** Keep the changes, the newest first, each once. */
function keepChanges(told) {
  const known = new Set(told.map((change) => change.id));
  const older = (changes ?? []).filter((change) => !known.has(change.id));
  changes = [...told, ...older].slice(0, HISTORY_LIMIT);
}

function drawDay() {
  part("day").hidden = changes === null || health === null;
  if (part("day").hidden) return;
  const now = agentNow();
  const day = dayOf(now);
  const today = changes.filter((change) => Date.parse(change.at) >= day);
  drawStrip(now, day, today);
  const told = today.filter((change) => change.subject !== "problem" || change.after !== "pending");
  fill(part("changes"), told.slice(0, LATEST), changeItem);
  fill(part("earlier-changes"), told.slice(LATEST), changeItem);
  part("earlier").hidden = told.length <= LATEST;
  part("no-changes").hidden = told.length > 0;
}

function changeItem(change) {
  const item = element("li");
  const time = element("time", formats.second.format(Date.parse(change.at)));
  time.dateTime = change.at;
  const nameless = { lead: "answer", incident: "incident", silence: "silence" };
  const subject = nameless[change.subject] ?? change.name;
  const what = element("p");
  what.append(element("b", subject), ` ${change.after ?? "over"} `, element("code", change.reason));
  item.append(time, what);
  return item;
}

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

/** What is yet to come, until `end`, of the next session or the present one. */
function sessionAhead(now, end) {
  const [open, close] = bells();
  const from = open < close ? open : now;
  return close > now && from < end ? { from, to: Math.min(close, end) } : null;
}

function tracks(start, now, end) {
  const oldestFirst = changes.toReversed?.() ?? [...changes].reverse();
  const machines = Object.entries(health.machines).filter(([, machine]) => machine.role !== "agent");
  machines.sort(([, a], [, b]) => (b.role === "market") - (a.role === "market"));
  const named = machines.map(([name, machine]) => ({
    name,
    isMarket: machine.role === "market",
    ahead: machine.role === "market" ? sessionAhead(now, end) : null,
    edges: oldestFirst.filter((change) => change.subject === "machine" && change.name === name),
  }));
  const answer = { name: "answer", edges: oldestFirst.filter((change) => change.subject === "lead") };
  return [...named, answer].map((track) => ({ ...track, spans: spansOf(track.edges, start, now) }));
}

function drawStrip(now, day, today) {
  const { start, end } = stretchOf(now, day, today);
  const place = (at) => `${(((at - start) / (end - start)) * 100).toFixed(3)}%`;
  const drawn = tracks(start, now, end);
  const strip = part("strip");
  strip.replaceChildren(...drawn.map((track) => trackRow(track, place)), axis(start, end, place));
  strip.append(overlay(now, start, end, place));
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
    if (isMarket) bar.append(element("span", span.state));
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
function overlay(now, start, end, place) {
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

// ---- the agent itself ----------------------------------------------------------------------

function drawFooter() {
  const { agent } = health;
  const started = Date.parse(agent.started_at);
  const used = agent.plugins.filter((plugin) => plugin.state !== "available");
  const working = used.filter((plugin) => plugin.state === "loaded").length;
  const notifiers = agent.notifiers.map((one) => `${one.name} (${one.state})`).join(", ") || "none";
  keepSaying(
    part("agent"),
    () =>
      `openbell ${agent.version}, up for ${duration(agentNow() - started)}. ` +
      `Plugins: ${working} of ${used.length} well. Notifiers: ${notifiers}.`,
  );
  const troubles = [...agent.plugins, ...agent.notifiers].filter((one) => one.error);
  fill(part("troubles"), troubles, (one) => element("li", `${one.name} is ${one.state}: ${one.error}`));
}

// ---- doing ---------------------------------------------------------------------------------

const OUTCOME_SHOWN_MS = 12_000;

/** Post, with feedback in words; the button keeps its focus and is deaf until the answer is there. */
async function perform(button, outcome, href, busyWords) {
  const url = safeUrl(href);
  if (button.isBusy || url?.origin !== location.origin) return;
  button.isBusy = true;
  button.setAttribute("aria-disabled", "true");
  say(outcome, busyWords);
  const text = capitalized(await post(url));
  button.isBusy = false;
  button.removeAttribute("aria-disabled");
  say(outcome, text);
  setTimeout(() => outcome.textContent === text && say(outcome, ""), OUTCOME_SHOWN_MS);
}

async function post(url) {
  try {
    let answer = await fetch(url, { method: "POST" });
    if (answer.status === 401 && (await renewSession())) answer = await fetch(url, { method: "POST" });
    const said = await answer.json();
    return (answer.ok ? said.done : said.detail) || (answer.ok ? "Done." : `Refused (${answer.status}).`);
  } catch {
    return "The agent does not answer.";
  }
}

/** Opening the page gives a session; an agent that was started anew knows none of ours. */
async function renewSession() {
  const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  return answer?.ok ?? false;
}

// ---- hearing -------------------------------------------------------------------------------

const PATIENCE_MS = 8_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000];
const RELISTEN_MS = 15_000;

const began = { steady: performance.now(), wall: Date.now() };
const listening = { stream: null, mark: began, failures: 0, retry: null };

/** Open the event stream anew. */
function listen() {
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
  if (part("outcome").textContent === "Trying…") say(part("outcome"), "It does not answer yet.");
  const pause = RETRY_MS[Math.min(listening.failures, RETRY_MS.length - 1)];
  listening.failures += 1;
  if (isRefused) await renewSession();
  clearTimeout(listening.retry);
  listening.retry = setTimeout(listen, pause * (0.75 + Math.random() / 2));
}

function take(told, isFresh) {
  if (health && told.agent.version !== health.agent.version) return location.reload();
  listening.failures = 0;
  learnTime(Date.parse(told.generated_at), isFresh);
  const isNews = told.revision !== health?.revision;
  health = told;
  validUntil = Date.parse(told.valid_until);
  const market = Object.values(told.machines).find((machine) => machine.role === "market");
  useZone(market?.attributes.zone ?? told.market?.calendar?.zone);
  judgeContact();
  draw();
  if (isNews) wishForChanges();
}

/** The agent lives and nothing has changed; measures move without a change, so whoever looks asks for them. */
function refresh(stamps) {
  listening.failures = 0;
  learnTime(Date.parse(stamps.now ?? stamps.generated_at), true);
  validUntil = Date.parse(stamps.valid_until);
  tick();
  if (document.visibilityState === "visible") pull();
}

async function pull() {
  const answer = await fetch("/api/system/health").catch(() => null);
  if (!answer?.ok) return;
  const told = await answer.json();
  if (told.revision >= (health?.revision ?? 0)) take(told, false);
}

function judgeContact() {
  if (health) contact = agentNow() <= validUntil ? "live" : "lost";
  else if (elapsed(began) > PATIENCE_MS) contact = "lost";
  sayContact();
}

function sayContact() {
  const isOpen = listening.stream?.readyState === EventSource.OPEN;
  const words = { none: "connecting", live: isOpen ? "live" : "reconnecting", lost: "out of contact" };
  say(part("contact"), words[contact]);
  say(part("clock"), contact === "live" ? `${formats.second.format(agentNow())} ${formats.label}` : "");
}

/** Once a second: the ages, the countdown, and whether the agent may still be believed. */
function tick() {
  const before = contact;
  judgeContact();
  if (contact !== before) draw();
  if (contact === "lost" && elapsed(listening.mark) > RELISTEN_MS) listen();
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
  if (contact === "lost" || listening.stream?.readyState !== EventSource.OPEN) listen();
  else pull();
}

document.addEventListener("visibilitychange", wake);
window.addEventListener("pageshow", (event) => event.persisted && listen());
window.addEventListener("online", listen);
listen();
askForChanges();
tickOnTheSecond();
