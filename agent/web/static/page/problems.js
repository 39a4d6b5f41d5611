// The problems as a tree: each one that is explained hangs on its cause.

import { hushedWords, silenceOf } from "./care.js";
import { desk, isLive, mayAct } from "./desk.js";
import { silence } from "./forms.js";
import { copy, element, fill, keepSaying, part, say, show, sign } from "./parts.js";
import { agentNow } from "./time.js";
import { capitalized, duration, headline, isCalm, PHASES, severityOf } from "./words.js";

export const leads = (problem) => problem.rule === desk.health.cause.rule && problem.group === desk.health.cause.group;

/** Whether the answer says it already: another rule may lead with the same code for the same machine. */
export function isTold(problem) {
  const { code, cause } = desk.health;
  const isSame = problem.code === code && problem.group === cause.group && problem.machine === cause.machine;
  return leads(problem) || isSame;
}

const explainedBy = (cause) => (problem) =>
  problem.suppressed_by.includes(cause.rule) && (cause.group === null || cause.group === problem.group);

/** Whether it is on its way out: its machine is well again, and only time must confirm it. */
export const isPassing = (problem) =>
  ["clearing", "suppressed"].includes(problem.phase) && isCalm(desk.health.machines[problem.machine]?.state);

/** The problems as a tree: each one that is explained hangs on its first cause. */
function problemTree() {
  const causes = desk.health.problems.filter((problem) => problem.suppressed_by.length === 0);
  const placed = new Set();
  const tree = causes.map((problem) => {
    const children = desk.health.problems.filter(explainedBy(problem)).filter((child) => !placed.has(child));
    children.forEach((child) => placed.add(child));
    return { problem, children };
  });
  const orphans = desk.health.problems.filter((problem) => !causes.includes(problem) && !placed.has(problem));
  const rest = orphans.filter((problem) => !isPassing(problem));
  return [...tree, ...rest.map((problem) => ({ problem, children: [] }))];
}

export function drawProblems() {
  const tree = problemTree();
  const others = tree.filter((branch) => !isTold(branch.problem));
  const explained = tree.filter((branch) => isTold(branch.problem)).flatMap((branch) => branch.children);
  fill(part("explains"), isLive() ? explained : [], explainedItem);
  const shown = others.map((branch) => ({ ...branch, hush: silenceOf(branch.problem), may: mayAct() }));
  fill(part("others"), shown, problemItem);
  part("problems").hidden = others.length === 0;
  say(part("problems-title"), desk.health.severity === "ok" ? "Problems" : "Further problems");
}

export const explanation = (problem) => `Explained by ${problem.suppressed_by.join(", ")}`;

function explainedItem(problem) {
  const item = element("li");
  item.append(element("b", headline(problem.code)), element("code", problem.code));
  item.append(element("span", "follows from this, and clears by itself", "soft"));
  return item;
}

function problemItem({ problem, children, hush, may }) {
  const { made, slots } = copy("problem");
  const isExplained = problem.suppressed_by.length > 0;
  const isQuiet = isExplained || ["pending", "silenced"].includes(problem.phase);
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
  slots.hush.hidden = !may || isExplained || Boolean(problem.silenced_by);
  slots.hush.setAttribute("aria-label", `Silence: ${headline(problem.code)}`);
  slots.hush.onclick = () => silence(problem);
  show(slots.hushed, hush && hushedWords(hush));
  show(slots.note, isExplained && `${explanation(problem)}, which has just ended: it has a little time to clear.`);
  fill(slots.children, children, explainedItem);
  return made;
}
