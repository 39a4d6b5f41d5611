// One change in words: in the list of the day, and in the timeline of an incident.

import { element } from "./parts.js";
import { formats } from "./time.js";

const SUBJECTS = { lead: "answer", incident: "incident", silence: "silence" };

/** A change as an item of a list, with what was said of it where that is to be shown. */
export function changeItem(change, said) {
  const what = element("p");
  what.append(element("b", SUBJECTS[change.subject] ?? change.name), ` ${change.after ?? "over"} `);
  if (change.reason) what.append(element("code", change.reason));
  const { item, says } = timed(change.at, what);
  if (said) says.append(element("p", said, "soft said"));
  return item;
}

/** An item that begins with its time. */
export function timed(at, what) {
  const item = element("li");
  const time = element("time", formats.second.format(Date.parse(at)));
  const says = element("div");
  time.dateTime = at;
  says.append(what);
  item.append(time, says);
  return { item, says };
}
