// The status page: draws what the agent publishes, and says so when the agent is no longer heard.
// Every text enters the page as text, never as markup.

import { drawAnswer } from "./page/answer.js";
import { drawBell, drawReadiness } from "./page/bell.js";
import { askForSilences, drawCare } from "./page/care.js";
import { askForChanges, drawDay } from "./page/day.js";
import { desk } from "./page/desk.js";
import { doing, learnAccess } from "./page/doing.js";
import { drawFoot } from "./page/foot.js";
import { hear } from "./page/hearing.js";
import { askForIncidents, drawIncidents } from "./page/incidents.js";
import { drawMachines } from "./page/machines.js";
import { askForDeadNotices, drawDeadNotices } from "./page/notices.js";
import { part, root, say } from "./page/parts.js";
import { drawProblems } from "./page/problems.js";

const LOOK_PAUSE_MS = 700;
const PATIENCE_MS = 1_000;

let looking = null;

function draw() {
  root.dataset.contact = desk.contact;
  drawAnswer();
  if (!desk.health) return;
  for (const late of document.querySelectorAll("[data-late]")) late.classList.add("here");
  say(part("desk"), desk.health.agent.name);
  drawBell();
  drawReadiness();
  drawProblems();
  drawCare();
  drawMachines();
  drawFoot();
  drawDay();
  drawIncidents();
  drawDeadNotices();
}

/** Ask for all that is not in the document. */
async function look() {
  looking = null;
  await Promise.all([askForChanges(), askForIncidents(), askForSilences(), askForDeadNotices()]);
  if (desk.health) draw();
}

/** Look soon, once for any number of wishes: the journal writes a moment later. */
function lookSoon() {
  looking ??= setTimeout(look, LOOK_PAUSE_MS);
}

/** What changes without a new document, such as a word of another person, is seen at the next renewal. */
function heard(isNews) {
  if (isNews || desk.incident || desk.silences.length) lookSoon();
}

/** The past is asked for when somebody comes to look at it. */
function lookBackOnce() {
  const watch = new IntersectionObserver(async ([seen]) => {
    if (!seen.isIntersecting) return;
    watch.disconnect();
    const { askForAvailability } = await import("/page/availability.js");
    askForAvailability();
  });
  watch.observe(part("availability"));
}

doing.afterwards = lookSoon;
const first = Promise.all([learnAccess(), look()]);
await Promise.race([first, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
hear({ draw, news: heard });
lookBackOnce();
