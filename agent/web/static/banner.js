// <openbell-banner src="https://openbell.desk.example">: the desk's answer in any front end.
// One module without dependencies. Every text enters as text, styles come as a sheet of the shadow
// root, so a page's strict Content-Security-Policy and Trusted Types are kept.

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
  ok: "All well", info: "For your notice", warning: "Warning", unknown: "Unknown", critical: "Critical",
};

const SESSION_SIGNS = { LIVE: "bell", PRE_OPEN: "waiting", CLOSED: "night" };

const TONES = ["green", "blue", "yellow", "red"];

const WELL = ["LIVE", "PRE_OPEN", "CLOSED", "VALID", "CONNECTED"];

const headline = (code) => HEADLINES[code] ?? capitalized(code.replaceAll(/[_-]+/g, " ").toLowerCase());
const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A length of time in its two largest units. */
function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** "Mon 09:15 IST", in the exchange's zone; in the browser's own where it does not know that one. */
function instant(at, timeZone) {
  const form = { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  try {
    return new Intl.DateTimeFormat("en-IN", { ...form, hourCycle: "h23" }).format(at);
  } catch {
    return instant(at, undefined);
  }
}

// ---- the agent's time ----------------------------------------------------------------------

const RENEWAL_SLACK_MS = 15_000;

/**
 * The agent's clock may differ from ours: its time is the latest that it sent, and what has passed
 * here since. A sleeping computer may stop its steady clock, so the larger of two elapsed times counts.
 */
class AgentClock {
  #mark = { agent: NaN, steady: 0, wall: 0 };

  now() {
    const { agent, steady, wall } = this.#mark;
    return agent + Math.max(performance.now() - steady, Date.now() - wall);
  }

  /** Learn a stamp; one that is not `fresh` may lag behind by a renewal. */
  learn(stamp, fresh) {
    const lag = this.now() - stamp;
    if (!fresh && lag >= 0 && lag < RENEWAL_SLACK_MS) return;
    this.#mark = { agent: stamp, steady: performance.now(), wall: Date.now() };
  }
}

// ---- hearing -------------------------------------------------------------------------------

const SILENCE_MS = 25_000;
const PATIENCE_MS = 8_000;
const POLL_MS = 5_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/**
 * Follow an agent until `signal` ends it: by its event stream, and where that does not get through,
 * by asking with the ETag of the last answer, while the stream is tried again at growing intervals.
 * Of several that stand in for each other, one that does not answer gives way to the next, at once.
 * A stream by `fetch`, for an `EventSource` cannot bring a token.
 */
async function follow({ bases, ...line }) {
  let failures = 0;
  let at = 0;
  while (!line.signal.aborted) {
    const hasHeard = await listen({ base: bases[at], ...line });
    failures = hasHeard ? 0 : failures + 1;
    const rounds = Math.ceil(failures / bases.length);
    const pause = RETRY_MS[Math.min(rounds, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    const isNextFresh = failures % bases.length > 0 || (hasHeard && bases.length > 1);
    const answers = await askFor(pause, { base: bases[at], ...line }, bases.length > 1);
    if (answers) continue;
    at = (at + 1) % bases.length;
    if (bases.length > 1 && !isNextFresh) await sleep(Math.min(pause, POLL_MS), line.signal);
  }
}

/** The stream, to its end; whether a document came by it. */
async function listen({ base, token, told, signal }) {
  const silent = new AbortController();
  const ending = AbortSignal.any([signal, silent.signal]);
  let silence = setTimeout(() => silent.abort(), PATIENCE_MS);
  let count = 0;
  try {
    const answer = await ask(base, "api/system/events", token, {}, ending);
    if (!answer.ok) return told.refused(answer.status, await standby(answer), base), false;
    for await (const { name, text } of events(answer.body)) {
      clearTimeout(silence);
      silence = setTimeout(() => silent.abort(), SILENCE_MS);
      if (name === "document") told.document(JSON.parse(text), "stream", count++ > 0, base);
      if (name === "refresh") told.refresh(JSON.parse(text));
    }
  } catch {
    // The line broke, fell silent or was ended by us: what comes next is the same.
  } finally {
    clearTimeout(silence);
    silent.abort();
  }
  return count > 0;
}

/** The events of a stream, its comments as events without a name. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) yield { name, text: line.slice(6) };
      else if (line.startsWith(":")) yield { name: "", text: "" };
    }
  }
}

/** Who owns the desk, in the words of an agent that stands by; empty from any other. */
async function standby(answer) {
  const said = answer.status === 503 ? await answer.json().catch(() => null) : null;
  return said?.code === "STANDBY" ? String(said.detail) : "";
}

/**
 * Ask again and again for a while; an agent that is back is listened to at once, and one that is
 * silent is left at once where there are others. Whether it answers.
 */
async function askFor(pause, { base, token, told, signal }, hasOthers) {
  const end = performance.now() + pause;
  const known = { etag: null };
  let wasSilent = false;
  while (!signal.aborted) {
    const answers = await poll({ base, token, told, signal, known });
    if (answers ? wasSilent : hasOthers) return answers;
    wasSilent = !answers;
    const left = end - performance.now();
    if (left <= 0) return answers;
    await sleep(Math.min(left, POLL_MS), signal);
  }
  return false;
}

async function poll({ base, token, told, signal, known }) {
  const headers = known.etag ? { "If-None-Match": known.etag } : {};
  const ending = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    const answer = await ask(base, "api/system/health", token, headers, ending);
    if (answer.status === 304) return true;
    if (!answer.ok) return told.refused(answer.status, await standby(answer), base), false;
    told.document(await answer.json(), "poll", false, base);
    known.etag = answer.headers.get("ETag");
    return true;
  } catch {
    return false;
  }
}

function ask(base, path, token, headers, signal) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(new URL(path, base), { headers: { ...headers, ...authorization }, signal, cache: "no-store" });
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

// ---- the parts -----------------------------------------------------------------------------

const SIGNS = {
  ok: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zM7.5 12.4l3 3 6-6.6",
  info: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zM12 11v5.5M12 7.5v.1",
  warning: "M12 3.2 22 20.5H2zM12 9.5v5M12 17.3v.1",
  critical: "M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8zM12 7v6M12 16.7v.1",
  unknown: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zM9.3 9.6c.2-1.6 1.3-2.5 2.8-2.5 1.6 0 2.7 1 2.7 2.4 0 2.1-2.7 2.2-2.7 4.4M12.1 17v.1",
  lost: "M3 9.5c2.4-2.2 5.5-3.5 9-3.5s6.6 1.3 9 3.5M6.5 13.5c1.5-1.3 3.4-2 5.5-2s4 .7 5.5 2M12 18v.1M4 3l16 18",
  waiting: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zM12 6.5V12l3.5 2.2",
  night: "M20.5 14.6A9 9 0 0 1 9.4 3.5a9 9 0 1 0 11.1 11.1z",
  bell: "M12 3.5a6 6 0 0 1 6 6v4l2 3.5H4l2-3.5v-4a6 6 0 0 1 6-6zM9.8 20h4.4",
  more: "M6 9.5l6 6 6-6",
};

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host {
  --green: var(--openbell-green, light-dark(#16794c, #1c7d52)); --green-tint: light-dark(#e3f2e8, #11291e); --green-ink: light-dark(#0e5a38, #84d8ac);
  --blue: var(--openbell-blue, light-dark(#2060b8, #2a63be)); --blue-tint: light-dark(#e4edfa, #14233c); --blue-ink: light-dark(#1b4d97, #a3c4ff);
  --yellow: var(--openbell-yellow, light-dark(#f3b72f, #e7ac2c)); --yellow-tint: light-dark(#fbefce, #2e2410); --yellow-ink: light-dark(#744600, #f4c968);
  --red: var(--openbell-red, light-dark(#b6291f, #b5332a)); --red-tint: light-dark(#fae6e2, #351815); --red-ink: light-dark(#98221a, #ffa096);
  --grey: var(--openbell-grey, light-dark(#57544d, #5c5a53)); --grey-tint: light-dark(#e9e7e1, #282621); --grey-ink: light-dark(#4a4741, #c6c2b7);
  --ground: var(--openbell-ground, light-dark(#fffefb, #1b1a18)); --ink: var(--openbell-ink, light-dark(#1c1b18, #f2f0ea));
  --line: light-dark(#e2dfd6, #302e29); --soft: light-dark(#5f5c54, #aaa69b);
  display: block; container-type: inline-size; min-height: var(--openbell-height, 4rem);
  font: 400 .9375rem/1.35 var(--openbell-font, ui-sans-serif, system-ui, sans-serif); text-align: start; color: var(--ink);
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
.banner { --tone: var(--grey); --tint: var(--grey-tint); --text: var(--grey-ink); border-radius: var(--openbell-radius, .75rem); overflow: clip; background: var(--ground); }
[data-tone="green"] { --tone: var(--green); --tint: var(--green-tint); --text: var(--green-ink); }
[data-tone="blue"] { --tone: var(--blue); --tint: var(--blue-tint); --text: var(--blue-ink); }
[data-tone="yellow"] { --tone: var(--yellow); --tint: var(--yellow-tint); --text: var(--yellow-ink); --on: #261900; }
[data-tone="red"] { --tone: var(--red); --tint: var(--red-tint); --text: var(--red-ink); }
.bar { display: flex; align-items: center; gap: .75rem; height: var(--openbell-height, 4rem); padding: 0 .5rem 0 1rem; background: var(--tint); color: var(--text); }
.loud .bar { background: var(--tone); color: var(--on, #fff); }
.sign { flex: none; width: 1.5rem; height: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.said { flex: 1; min-width: 0; }
.headline { font-weight: 650; font-size: 1.0625rem; line-height: 1.2; overflow-wrap: anywhere; }
.message, .countdown { font-size: .875rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bar .message, .countdown { color: var(--ink); }
.loud .bar :is(.message, .countdown) { color: inherit; }
.countdown, time, .age { font-variant-numeric: tabular-nums; }
.countdown { flex: none; }
.action, .toggle { display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; border: 0; border-radius: .6rem; font: inherit; cursor: pointer; touch-action: manipulation; }
.action { flex: none; max-width: 45%; padding: .25rem 1rem; background: var(--tone); color: var(--on, #fff); font-weight: 650; line-height: 1.2; text-align: center; text-decoration: none; }
.loud .bar .action { background: var(--on, #fff); color: var(--tone); }
[data-tone="yellow"].loud .bar .action { color: #fff; }
.toggle { flex: none; width: 2.75rem; padding: 0; background: none; color: inherit; }
.toggle[aria-expanded="true"] .sign { rotate: 180deg; }
:focus-visible { outline: 3px solid currentColor; outline-offset: -3px; }
.facts { display: grid; gap: .25rem; }
.details { display: grid; gap: .9rem; padding: 1rem; border: 1px solid var(--line); border-top: 0; border-radius: 0 0 var(--openbell-radius, .75rem) var(--openbell-radius, .75rem); overflow-wrap: anywhere; }
.details .message { white-space: normal; font-size: 1rem; }
.details h2 { margin: 0 0 .3rem; font-size: .8125rem; font-weight: 600; color: var(--soft); }
.details li { padding-block: .15rem; }
.details li li { padding-left: 1.25rem; color: var(--soft); }
code { font: .8125em/1.3 var(--openbell-mono, ui-monospace, monospace); color: var(--soft); }
table { width: 100%; border-collapse: collapse; text-align: start; }
th, .age { white-space: nowrap; }
th, td { padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); text-align: start; vertical-align: top; font-weight: 400; }
td:last-child { text-align: end; padding-right: 0; color: var(--soft); }
b { font-weight: 600; }
.details a { color: inherit; text-underline-offset: .2em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (width < 40rem) { .countdown { display: none; } }
@container (width < 28rem) {
  .bar { gap: .5rem; padding-left: .75rem; }
  .bar .message { display: none; }
  .headline { font-size: .9375rem; }
  .action { padding-inline: .6rem; font-size: .875rem; }
}
@media (forced-colors: active) { .bar, .action { border: 1px solid; } }
`);

/** An element with its class, which is its `part` as well, and what is in it. */
function make(name, className, ...inside) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
    made.part = className;
  }
  made.append(...inside);
  return made;
}

function makeSign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "sign");
  svg.setAttribute("part", "sign");
  svg.append(path);
  setSign(svg, name);
  return svg;
}

function setSign(svg, name) {
  svg.firstChild.setAttribute("d", SIGNS[name]);
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make a list anew, only if what it shows has changed. */
function fill(list, items, draw) {
  const shown = JSON.stringify(items);
  if (list.shown === shown) return;
  list.shown = shown;
  list.replaceChildren(...items.map(draw));
}

/** The shadow root's tree, by the names of its parts. */
function build(root) {
  const parts = {
    sign: makeSign("unknown"),
    headline: make("p", "headline"),
    message: make("p", "message"),
    countdown: make("span", "countdown"),
    action: make("a", "action"),
    toggle: make("button", "toggle", makeSign("more")),
    details: make("div", "details"),
    whole: make("p", "message"),
    since: make("p", "since"),
    readiness: make("p", "readiness"),
    bell: make("p", "bell"),
    problems: make("ul", "problems"),
    machines: make("tbody"),
    page: make("a", "page", "Open the status page"),
    spoken: make("p", "unseen"),
    alarm: make("p", "unseen"),
  };
  Object.assign(parts.action, { target: "_blank", rel: "noopener noreferrer" });
  Object.assign(parts.page, { target: "_blank", rel: "noopener noreferrer" });
  Object.assign(parts.toggle, { type: "button", ariaExpanded: "false", ariaLabel: "Details" });
  parts.details.id = "details";
  parts.details.hidden = true;
  parts.toggle.setAttribute("aria-controls", "details");
  parts.spoken.setAttribute("role", "status");
  parts.alarm.setAttribute("role", "alert");
  parts.problemsSection = make("section", "", make("h2", "", "Problems"), parts.problems);
  parts.machinesSection = make("section", "", make("h2", "", "Machines"), make("table", "machines", parts.machines));
  const said = make("div", "said", parts.headline, parts.message);
  const bar = make("div", "bar", parts.sign, said, parts.countdown, parts.action, parts.toggle);
  parts.details.append(make("div", "facts", parts.whole, parts.since, parts.readiness, parts.bell));
  parts.details.append(parts.problemsSection, parts.machinesSection, make("p", "", parts.page));
  parts.banner = make("div", "banner", bar, parts.details);
  parts.banner.setAttribute("role", "group");
  root.append(parts.banner, parts.spoken, parts.alarm);
  return parts;
}

/**
 * Problems with those beneath them that they explain. One whose cause has just ended stands alone,
 * unless its machine is well again, and only time must confirm it.
 */
function problemTree(health) {
  const isExplained = (problem) => problem.suppressed_by.length > 0;
  const explainedBy = (cause) => (problem) =>
    problem.suppressed_by.includes(cause.rule) && (cause.group === null || cause.group === problem.group);
  const causes = health.problems.filter((problem) => !isExplained(problem));
  const tree = causes.map((cause) => ({ cause, explained: health.problems.filter(explainedBy(cause)) }));
  const placed = tree.flatMap(({ cause, explained }) => [cause, ...explained]);
  const isPassing = ({ machine }) => WELL.includes(health.machines[machine]?.state);
  const orphans = health.problems.filter((problem) => !placed.includes(problem) && !isPassing(problem));
  return [...tree, ...orphans.map((cause) => ({ cause, explained: [] }))];
}

function problemItem({ cause, explained }) {
  const inside = make("ul", "", ...explained.map((problem) => make("li", "", "↳ ", ...problemWords(problem), " follows from this")));
  return make("li", "problem", ...problemWords(cause), ` ${capitalized(cause.message)} `, inside);
}

const problemWords = ({ code, group, phase, severity }) => [
  make("b", "", [headline(code), group].filter(Boolean).join(" · ")), " ",
  make("code", "", [code, severity, phase === "active" ? "" : phase].filter(Boolean).join(" · ")),
];

// ---- the element ---------------------------------------------------------------------------

class OpenbellBanner extends HTMLElement {
  static observedAttributes = ["src", "open"];

  #parts;
  #clock = new AgentClock();
  #health = null;
  #validUntil = NaN;
  #contact = "none";
  #via = null;
  #refusal = 0;
  #standby = "";
  #speaker = null;
  #began = 0;
  #token = null;
  #life = null;
  #hearing = null;
  #told = "";
  #spoken = "";
  #speaking = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    this.#parts = build(root);
    this.#parts.toggle.addEventListener("click", () => (this.open = !this.open));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  /** The agent's address, or those of all agents of the desk, with spaces between; that of this module if none is said. */
  get src() {
    return this.getAttribute("src") ?? new URL(".", import.meta.url).href;
  }

  set src(address) {
    this.setAttribute("src", address);
  }

  /** Whether the details are shown. */
  get open() {
    return this.hasAttribute("open");
  }

  set open(isOpen) {
    this.toggleAttribute("open", Boolean(isOpen));
  }

  /** A token of the scope `read`, for an agent that wants one. A property alone: an attribute is on view. */
  get token() {
    return this.#token;
  }

  set token(token) {
    if (token === this.#token) return;
    this.#token = token || null;
    this.#listenAnew();
  }

  /** The latest document, or `null`; not to be trusted unless `contact` is "live". */
  get health() {
    return this.#health;
  }

  /** "none" before the first answer, "live", or "lost" when nothing was heard in time. */
  get contact() {
    return this.#judged();
  }

  /** "stream" or "poll": how the latest document came; `null` before the first. */
  get via() {
    return this.#via;
  }

  connectedCallback() {
    this.#adopt("token");
    this.#life = new AbortController();
    const { signal } = this.#life;
    document.addEventListener("visibilitychange", () => this.#seen(), { signal });
    window.addEventListener("online", () => this.#listenAnew(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#listenAnew(), { signal });
    const ticking = setInterval(() => this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(ticking));
    this.#start();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#hearing?.abort();
    clearTimeout(this.#speaking);
    this.#life = null;
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === "src") this.#start();
    else this.#showDetails();
  }

  /** A property that was set before this module was there hides ours: take its value over. */
  #adopt(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  // -- hearing --

  get #bases() {
    const urls = this.src.trim().split(/\s+/).map((address) => new URL(address, document.baseURI));
    return urls.map((url) => new URL(url.pathname.endsWith("/") ? url : `${url.origin}${url.pathname}/`));
  }

  /** Begin with an agent of which nothing is known yet. */
  #start() {
    if (!this.#life) return;
    this.#clock = new AgentClock();
    this.#speaker = this.#bases[0].href;
    Object.assign(this.#parts.page, { href: this.#speaker });
    [this.#health, this.#validUntil, this.#contact, this.#via] = [null, NaN, "none", null];
    [this.#refusal, this.#standby, this.#began] = [0, "", performance.now()];
    this.#listenAnew();
    this.#draw();
  }

  #listenAnew() {
    this.#hearing?.abort();
    if (!this.#life || document.visibilityState === "hidden") return;
    this.#hearing = new AbortController();
    const { signal } = this.#hearing;
    const only = (tell) => (...words) => signal.aborted || tell(...words);
    const told = {
      document: only((health, via, fresh, base) => this.#take(health, via, fresh, base)),
      refresh: only((stamps) => this.#refresh(stamps)),
      refused: only((status, standby, base) => this.#refused(status, standby, base)),
    };
    follow({ bases: this.#bases, token: this.#token, told, signal });
  }

  /** A page that nobody sees holds no connection; one that is seen again says at once what it knows. */
  #seen() {
    if (document.visibilityState === "hidden") return this.#hearing?.abort();
    this.#tick();
    this.#listenAnew();
  }

  #take(health, via, fresh, base) {
    this.#clock.learn(Date.parse(health.generated_at), fresh);
    [this.#health, this.#via, this.#refusal, this.#standby] = [health, via, 0, ""];
    this.#speaker = this.#parts.page.href = base.href;
    this.#validUntil = Date.parse(health.valid_until);
    this.#contact = this.#judged();
    this.#draw();
  }

  #refresh(stamps) {
    this.#clock.learn(Date.parse(stamps.now), true);
    this.#validUntil = Date.parse(stamps.valid_until);
    this.#tick();
  }

  /** One that gave the desk away has taken back what it said. */
  #refused(status, standby, base) {
    [this.#refusal, this.#standby] = [status, standby];
    if (!standby) return;
    if (base.href === this.#speaker) this.#validUntil = NaN;
    this.#contact = this.#judged();
    if (this.#contact === "lost") this.#draw();
  }

  #judged() {
    if (this.#health) return this.#clock.now() <= this.#validUntil ? "live" : "lost";
    const mayOthersKnow = this.#standby && this.#bases.length > 1;
    const isRefused = this.#refusal && !mayOthersKnow;
    return isRefused || performance.now() - this.#began > PATIENCE_MS ? "lost" : "none";
  }

  /** Once a second, seen or not: the times, and whether the agent may still be believed. */
  #tick() {
    const contact = this.#judged();
    if (contact === this.#contact) return this.#drawTimes();
    this.#contact = contact;
    this.#draw();
  }

  // -- drawing --

  #draw() {
    const answer = this.#answer();
    const { banner, sign, headline: title, message, whole } = this.#parts;
    banner.dataset.tone = answer.tone;
    banner.classList.toggle("loud", answer.loud);
    banner.ariaLabel = `openbell: ${answer.word}`;
    setSign(sign, answer.sign);
    say(title, answer.headline);
    say(message, answer.message);
    say(whole, answer.message);
    message.title = answer.message;
    this.#drawAction(answer.action);
    this.#drawMachines();
    this.#drawTimes();
    this.#speak(answer);
    this.#tell();
  }

  #answer() {
    if (this.#contact !== "live") return this.#noAnswer();
    const { code, color, severity, message, action } = this.#health;
    return {
      tone: TONES.includes(color) ? color : "grey",
      loud: ["critical", "unknown"].includes(severity) && code !== "STARTING",
      sign: severity === "ok" ? (SESSION_SIGNS[code] ?? "ok") : severity in SEVERITIES ? severity : "unknown",
      word: SEVERITIES[severity] ?? SEVERITIES.unknown,
      headline: headline(code),
      message: capitalized(message),
      action,
    };
  }

  /** What is shown while nothing can be trusted: grey, and in words. */
  #noAnswer() {
    const lost = { tone: "grey", loud: true, sign: "lost", word: "Not known", action: null };
    if (this.#contact === "none") {
      return { ...lost, loud: false, sign: "waiting", headline: "Connecting…", message: "Waiting for the agent’s answer." };
    }
    if (this.#refusal === 401) {
      return { ...lost, headline: "Not allowed to read", message: "The agent wants a token of the scope read." };
    }
    if (this.#standby) {
      return { ...lost, sign: "waiting", headline: "Another agent has the desk", message: this.#standby };
    }
    if (!this.#health) {
      return { ...lost, headline: "The agent does not answer", message: "This banner keeps trying by itself." };
    }
    const { code } = this.#health;
    const message = `Nothing heard from the agent: don’t trust its last answer, ${code} (${headline(code).toLowerCase()}).`;
    return { ...lost, headline: "Out of contact", message };
  }

  /** The login where that is the answer; for what needs more rights, the page that has them. */
  #drawAction(action) {
    const link = this.#parts.action;
    const isLink = action?.method === "GET";
    const url = action ? this.#address(isLink ? action.href : "") : null;
    link.hidden = !url;
    if (!url) return;
    link.href = url.href;
    say(link, isLink ? action.label : "Open the status page");
  }

  /** An address of the agent's; `null` for one that a page may not lead to. */
  #address(href) {
    try {
      const url = new URL(href.replace(/^\/(?!\/)/, ""), this.#speaker);
      return ["http:", "https:"].includes(url.protocol) ? url : null;
    } catch {
      return null;
    }
  }

  #drawMachines() {
    const health = this.#health;
    this.#parts.machinesSection.hidden = this.#parts.problemsSection.hidden = !health;
    if (!health) return;
    const tree = this.#contact === "live" ? problemTree(health) : [];
    this.#parts.problemsSection.hidden = tree.length === 0;
    fill(this.#parts.problems, tree, problemItem);
    const machines = Object.entries(health.machines).map(([name, { state, reason, since }]) => ({ name, state, reason, since }));
    fill(this.#parts.machines, machines, ({ name, state, reason, since }) => {
      const age = make("td", "age");
      age.dataset.since = since;
      const heading = make("th", "", name);
      heading.scope = "row";
      return make("tr", "machine", heading, make("td", "", make("b", "", state), " ", make("code", "", reason)), age);
    });
  }

  /** What moves by itself: ages, and the countdown to the bell. */
  #drawTimes() {
    const { countdown, bell, since, readiness, machines } = this.#parts;
    const health = this.#contact === "live" ? this.#health : null;
    const now = this.#clock.now();
    const next = health && this.#nextBell(now);
    say(countdown, next ? `${next.word} ${next.left}` : "");
    say(bell, next ? `The market ${next.word} ${next.left}, ${next.at}.` : "");
    say(readiness, health ? readinessWords(health) : "Take it that it is not safe to trade.");
    say(since, health ? `For ${duration(now - Date.parse(health.since))}.` : this.#lastHeard(now));
    for (const age of machines.querySelectorAll("[data-since]")) {
      say(age, health ? duration(now - Date.parse(age.dataset.since)) : "–");
    }
  }

  #lastHeard(now) {
    return this.#health ? `Last heard ${duration(now - Date.parse(this.#health.generated_at))} ago.` : "";
  }

  #nextBell(now) {
    const { market, machines } = this.#health;
    const [open, close] = [market?.next_open_at, market?.next_close_at].map((at) => Date.parse(at ?? ""));
    const closes = market?.state === "LIVE" || (close < open && close > now);
    const at = closes ? close : open;
    if (Number.isNaN(at)) return null;
    const said = Object.values(machines).find(({ role }) => role === "market")?.attributes;
    const zone = said?.zone ?? market.calendar?.zone;
    const left = at > now ? `in ${duration(at - now + 999)}` : "any moment";
    return { word: closes ? "closes" : "opens", left, at: instant(at, zone) };
  }

  #showDetails() {
    this.#parts.details.hidden = !this.open;
    this.#parts.toggle.ariaExpanded = String(this.open);
  }

  #close() {
    if (!this.open) return;
    this.open = false;
    this.#parts.toggle.focus();
  }

  // -- telling --

  /** To a screen reader: what has changed, once it has lasted a moment, and nothing of what ticks. */
  #speak({ word, headline: title, message, loud }) {
    const text = `${word}: ${title}. ${message}`;
    if (text === this.#spoken) return;
    this.#spoken = text;
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      say(this.#parts.alarm, loud ? text : "");
      say(this.#parts.spoken, loud ? "" : text);
    }, 500);
  }

  /** To the page: that the answer is another, or may no longer be trusted. */
  #tell() {
    const key = `${this.#contact} ${this.#health?.revision} ${this.#health?.agent.started_at}`;
    if (key === this.#told || this.#contact === "none") return;
    this.#told = key;
    const detail = { contact: this.#contact, health: this.#health };
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}

function readinessWords({ ready, tradable, blockers, market }) {
  if (tradable) return "Ready. It is safe to trade.";
  if (ready) return `Ready. Not safe to trade yet: the market is ${market?.state ?? "not watched"}.`;
  const missing = blockers.map(({ machine, state, reason }) => `${machine} is ${state} (${reason})`);
  return `Not ready${missing.length ? `: ${missing.join(", ")}` : ""}.`;
}

if (!customElements.get("openbell-banner")) customElements.define("openbell-banner", OpenbellBanner);

export { OpenbellBanner };
