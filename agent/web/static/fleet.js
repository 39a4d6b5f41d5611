// The fleet's page: all desks that share a store, the worst first, live. Every text enters the page as text.

import { drawDesks } from "./fleet/cards.js";
import { beginChoice, drawChoice, isChosen } from "./fleet/choice.js";
import { beginDetails, drawDetails } from "./fleet/details.js";
import { fleet, inOrder } from "./fleet/fleet.js";
import { hear } from "./fleet/hearing.js";
import { drawSummary } from "./fleet/summary.js";
import { part, root } from "./page/parts.js";

function draw() {
  root.dataset.contact = fleet.contact;
  drawSummary();
  if (!fleet.document) return;
  for (const late of document.querySelectorAll("[data-late]")) late.classList.add("here");
  const desks = inOrder().filter(isChosen);
  drawChoice(desks.length);
  drawDesks(desks);
  if (part("dialog").open) drawDetails();
}

beginChoice(draw);
beginDetails();
hear(draw);
