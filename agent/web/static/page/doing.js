// Having things done: posts with feedback in words, by the session that the page has.

import { desk } from "./desk.js";
import { part, root, safeUrl, say } from "./parts.js";
import { capitalized } from "./words.js";

const OUTCOME_SHOWN_MS = 12_000;

export const doing = { afterwards: () => {} };

/** What is asked for, or `null` where the answer is none. */
export async function read(path) {
  const answer = await fetch(path).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** Post, with feedback in words; the button keeps its focus and is deaf until the answer is there. */
export async function perform(button, outcome, href, busyWords, { method, doneWords } = {}) {
  const url = safeUrl(href);
  if (button.isBusy || url?.origin !== location.origin) return;
  button.isBusy = true;
  button.setAttribute("aria-disabled", "true");
  say(outcome, busyWords);
  const { done, words } = await ask(url, { method });
  const text = capitalized(done && doneWords ? doneWords : words);
  if (done) doing.afterwards();
  button.isBusy = false;
  button.removeAttribute("aria-disabled");
  say(outcome, text);
  setTimeout(() => outcome.textContent === text && say(outcome, ""), OUTCOME_SHOWN_MS);
}

/** Ask for something by `POST` or `DELETE`: whether it was done, what was said, and in words. */
export async function ask(url, { method = "POST", body } = {}) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const request = { method, headers, body: body && JSON.stringify(body) };
  try {
    let answer = await fetch(url, request);
    if (answer.status === 401 && (await renewSession())) answer = await fetch(url, request);
    const said = await answer.json();
    return { done: answer.ok, said, words: answer.ok ? said.done || "Done." : refusal(answer.status, said) };
  } catch {
    return { done: false, said: null, words: "The agent does not answer." };
  }
}

function refusal(status, said) {
  const faults = (said.faults ?? []).map((fault) => `${fault.at}: ${fault.what}`);
  return [said.detail || `Refused (${status}).`, ...faults].join(" ");
}

/** Opening the page gives a session; an agent that was started anew knows none of ours. */
export async function renewSession() {
  const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  return answer?.ok ?? false;
}

/** What this page's person may do; the agent refuses the rest in any case. */
export async function learnAccess() {
  const told = await read("/api/system/access");
  if (told) desk.may = told.scopes.includes("control") ? "control" : "read";
  root.dataset.may = desk.may;
  part("fleet").hidden = !told?.fleet;
}
