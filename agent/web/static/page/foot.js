// The agent itself, and those of its parts that fail.

import { desk } from "./desk.js";
import { element, fill, keepSaying, part } from "./parts.js";
import { agentNow } from "./time.js";
import { duration } from "./words.js";

export function drawFoot() {
  const { agent } = desk.health;
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
