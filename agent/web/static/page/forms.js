// The two forms: to acknowledge an incident, and to silence a problem, each with who and why.

import { bells } from "./bell.js";
import { ask, doing } from "./doing.js";
import { part, say, show } from "./parts.js";
import { agentNow, HOUR, instant, isToday, minuteOf } from "./time.js";
import { headline } from "./words.js";

const WHO = "openbell-who";
const LENGTHS = [["15m", "15 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["24h", "24 hours"]];
const LENGTHS_MS = { "15m": HOUR / 4, "1h": HOUR, "2h": 2 * HOUR, "24h": 24 * HOUR };

let send = null;

/** Ask who takes an incident on, and why. */
export function acknowledge(incident) {
  open({
    title: "Acknowledge",
    says: `${headline(incident.code)}. Others see that you are at it. Reminders go on.`,
    label: "I am at it",
    send: ({ who, why }) => ask(`/api/system/incidents/${incident.id}/ack`, { body: { who, why } }),
  });
}

/** Ask who wants quiet of a problem, why, and for how long. */
export function silence(problem) {
  const group = problem.group ?? undefined;
  const what = `“${headline(problem.code)}”${group ? ` in ${group}` : ""}`;
  open({
    title: "Silence",
    says: `Nobody is told of ${what} until the silence ends. It stays on this page.`,
    label: "Silence it",
    lengths: [...LENGTHS, ...untilTheClose()],
    send: (said) => ask("/api/system/silences", { body: { rule: problem.rule, group, ...said } }),
  });
}

/** The rest of the session as a length, while there is one. */
function untilTheClose() {
  const [, close] = bells();
  const left = Math.ceil((close - agentNow()) / 1000);
  return left > 0 && left <= 86_400 ? [[`${left}s`, `until the close, ${instant(close)}`]] : [];
}

function open({ title, says, label, lengths, send: sends }) {
  const form = part("form");
  send = sends;
  say(part("form-title"), title);
  say(part("form-says"), says);
  say(part("form-send"), label);
  say(part("form-outcome"), "");
  part("form-length").hidden = !lengths;
  form.elements.duration.replaceChildren(...(lengths ?? []).map(([value, text]) => new Option(text, value)));
  form.elements.who.value = localStorage.getItem(WHO) ?? "";
  form.elements.why.value = "";
  sayEnd();
  part("dialog").showModal();
  form.elements[form.elements.who.value ? "why" : "who"].focus();
}

/** When the chosen silence would end, by the agent's clock. */
function sayEnd() {
  const { value } = part("form").elements.duration;
  const ms = LENGTHS_MS[value] ?? Number.parseInt(value, 10) * 1000;
  const ends = agentNow() + ms;
  show(part("form-ends"), value && `Ends ${isToday(ends) ? "at" : "on"} ${instant(minuteOf(ends))}`);
}

async function submit(event) {
  event.preventDefault();
  const form = part("form");
  const said = Object.fromEntries(["who", "why"].map((name) => [name, form.elements[name].value.trim()]));
  const missing = ["who", "why"].find((name) => !said[name]);
  if (missing) {
    form.elements[missing].focus();
    return say(part("form-outcome"), `Say ${missing}, so that others know.`);
  }
  localStorage.setItem(WHO, said.who);
  if (!part("form-length").hidden) said.duration = form.elements.duration.value;
  say(part("form-outcome"), "Sending…");
  const { done, words } = await send(said);
  if (!done) return say(part("form-outcome"), words);
  part("dialog").close();
  doing.afterwards();
}

part("form").addEventListener("submit", submit);
part("form").elements.duration.addEventListener("change", sayEnd);
part("form-cancel").addEventListener("click", () => part("dialog").close());
