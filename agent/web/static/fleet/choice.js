// Which desks are shown: by state, account and name; the address has it, so that it can be sent to somebody.

import { element, fill, part, say, sign } from "../page/parts.js";
import { answering, fleet, stateOf } from "./fleet.js";
import { plural, STATES } from "./words.js";

const chosen = { states: new Set(), group: "", find: "" };
let redraw = () => {};

/** Read the address, and have `draw` called with every other choice. */
export function beginChoice(draw) {
  redraw = draw;
  readAddress();
  part("group").onchange = () => choose({ group: part("group").value });
  part("find").oninput = () => choose({ find: part("find").value });
  part("choice").onsubmit = (event) => event.preventDefault();
  window.addEventListener("popstate", () => {
    readAddress();
    redraw();
  });
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  chosen.states = new Set((query.get("state") ?? "").split(",").filter((one) => one in STATES));
  chosen.group = query.get("group") ?? "";
  chosen.find = query.get("desk") ?? "";
  part("find").value = chosen.find;
}

function choose(change) {
  Object.assign(chosen, change);
  const query = new URLSearchParams();
  if (chosen.states.size) query.set("state", [...chosen.states].join(","));
  if (chosen.group) query.set("group", chosen.group);
  if (chosen.find) query.set("desk", chosen.find);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  redraw();
}

/** Whether a desk is among the chosen ones. */
export function isChosen(desk) {
  if (chosen.states.size && !chosen.states.has(stateOf(desk))) return false;
  return isIn(desk);
}

function isIn(desk) {
  if (chosen.group && !desk.groups.includes(chosen.group)) return false;
  const words = [desk.desk, desk.owner, answering(desk)?.host, desk.code].join(" ").toLowerCase();
  return words.includes(chosen.find.trim().toLowerCase());
}

/** Draw the choices with their numbers. */
export function drawChoice(shown) {
  const desks = [...fleet.desks.values()].filter(isIn);
  const count = (state) => desks.filter((one) => stateOf(one) === state).length;
  for (const [state, look] of Object.entries(STATES)) drawState(state, look, count(state));
  drawGroups();
  const all = fleet.desks.size;
  say(part("chosen"), shown === all ? plural(all, "desk") : `${shown} of ${plural(all, "desk")}`);
}

const boxes = new Map();

function drawState(state, look, count) {
  if (!boxes.has(state)) boxes.set(state, newBox(state, look));
  const { label, box, number } = boxes.get(state);
  box.checked = chosen.states.has(state);
  label.classList.toggle("empty", count === 0);
  say(number, String(count));
}

function newBox(state, look) {
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.onchange = () => {
    if (box.checked) chosen.states.add(state);
    else chosen.states.delete(state);
    choose({});
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  sign(use, look.sign);
  const number = element("b");
  label.dataset.tone = look.tone;
  label.append(box, svg, number, ` ${look.word}`);
  part("states").append(label);
  return { label, box, number };
}

function drawGroups() {
  const known = fleet.document.groups.map((one) => [one.group, one.troubled, one.desks]);
  if (chosen.group && !known.some(([name]) => name === chosen.group)) known.push([chosen.group, 0, 0]);
  const all = ["", 0, fleet.desks.size];
  fill(part("group"), [all, ...known], ([name, troubled, desks]) => {
    const text = troubled ? `${name}: ${troubled} of ${desks} in trouble` : `${name || "all"} (${desks})`;
    const option = element("option", text);
    option.value = name;
    return option;
  });
  part("group").value = chosen.group;
}
