// What the page calls things: codes, severities, states, measures.

const HEADLINES = {
  AUTH_REQUIRED: "Broker login needed",
  FEED_DISCONNECTED: "The feed is down",
  FEED_STALE: "The feed has gone quiet",
  MACHINE_UNKNOWN: "Something cannot be seen",
  AGENT_DEGRADED: "The agent needs care",
  AGENT_LOST: "Another agent is lost",
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

export const SEVERITIES = {
  ok: { word: "All well", sign: "ok", tone: "green" },
  info: { word: "For your notice", sign: "info", tone: "blue" },
  warning: { word: "Warning", sign: "warning", tone: "yellow" },
  unknown: { word: "Unknown", sign: "unknown", tone: "grey" },
  critical: { word: "Critical", sign: "critical", tone: "red" },
};

export const SESSION_SIGNS = { LIVE: "bell", PRE_OPEN: "waiting", CLOSED: "night" };

export const PHASES = {
  pending: "not yet counted", clearing: "clearing", suppressed: "explained", silenced: "silenced",
};

export const STATE_TONES = {
  LIVE: "green", PRE_OPEN: "blue", CLOSED: "quiet",
  VALID: "green", EXPIRED: "red", REQUIRED: "red",
  CONNECTED: "green", CONNECTING: "yellow", STALE: "yellow", DISCONNECTED: "yellow",
  AUTH_REQUIRED: "red", FEED_STALE: "yellow", FEED_DISCONNECTED: "yellow", AGENT_DEGRADED: "grey", AGENT_LOST: "grey",
  BROKER_UNREACHABLE: "yellow", CLOCK_OFFSET: "yellow",
  WHOLE: "green", LOST: "grey", ALONE: "grey",
  AGENT_AWAY: "grey", UNKNOWN: "grey", MACHINE_UNKNOWN: "grey",
};

export const CALM_TONES = ["green", "blue", "quiet"];

export const ROLE_ACTIONS = {
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

export const isCalm = (state) => CALM_TONES.includes(STATE_TONES[state]);
export const headline = (code) => HEADLINES[code] ?? capitalized(spaced(code));
export const spaced = (name) => name.replaceAll(/[_-]+/g, " ").trim().toLowerCase();
export const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const severityOf = (name) => SEVERITIES[name] ?? SEVERITIES.unknown;
export const number = (value, digits) => value.toLocaleString("en-IN", { maximumFractionDigits: digits });

/** A length of time in its two largest units. */
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** A length of time that does not tick: without a smaller unit that is nothing. */
export const length = (ms) => (ms ? duration(ms).replace(/ 0 (s|min|h)$/, "") : "none");

/** A measure's name and value in words: `tick_age_s`, 0.4 is "tick age", "0.4 s". */
export function measure([name, value]) {
  const [, stem, unit] = /^(.*)_(s|ms|days|percent|bytes)$/.exec(name) ?? [null, name, null];
  return [spaced(stem), unit ? UNITS[unit](value) : number(value, 2)];
}
