// Draws /openapi.json: everything is text, nothing comes from elsewhere.

const DEEPEST = 4;
let api;

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const resolve = (part) =>
  part?.$ref ? part.$ref.slice(2).split("/").reduce((found, key) => found[key], api) : part;

const nameOf = (part) => part?.$ref?.split("/").pop();

// A schema in a few words: "string", "list of Incident", "integer or null".
function words(schema) {
  if (nameOf(schema)) return nameOf(schema);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf) return schema.anyOf.map(words).join(" or ");
  if (schema.type === "array") return `list of ${words(schema.items ?? {})}`;
  if (schema.type === "object" && schema.additionalProperties?.constructor === Object)
    return `map to ${words(schema.additionalProperties)}`;
  return `${schema.type ?? "anything"}${schema.format ? `, ${schema.format}` : ""}${bounds(schema)}`;
}

function bounds({ minimum, maximum, default: usual }) {
  const range = minimum !== undefined ? ` from ${minimum} to ${maximum}` : "";
  return usual === undefined || usual === null ? range : `${range}, ${usual} if not said`;
}

// What a reader may open next within a schema: itself, or what it is a list, a map or a choice of.
function inside(schema) {
  const whole = resolve(schema);
  if (whole.properties) return whole;
  if (whole.type === "array") return inside(whole.items ?? {});
  if (whole.additionalProperties?.constructor === Object) return inside(whole.additionalProperties);
  return (whole.anyOf ?? []).map(inside).find(Boolean) ?? null;
}

function fields(schema, depth = 0) {
  const whole = inside(schema);
  if (!whole || depth > DEEPEST) return null;
  const lines = Object.entries(whole.properties).map(([name, part]) => {
    const isNeeded = whole.required?.includes(name) ? "" : " (may be left out)";
    const about = resolve(part).description ?? "";
    const below = nameOf(part) && !resolve(part).properties ? null : fields(part, depth + 1);
    return make("li", {}, make("code", {}, name), ` ${words(part)}${isNeeded} `, make("span", { class: "quiet" }, about), below);
  });
  return make("ul", {}, ...lines);
}

function table(title, rows) {
  if (!rows.length) return null;
  const body = rows.map((cells) => make("tr", {}, make("th", { scope: "row" }, cells[0]), ...cells.slice(1).map((cell) => make("td", {}, cell))));
  return make("section", {}, make("h3", {}, title), make("table", {}, make("tbody", {}, ...body)));
}

function answer([status, described]) {
  const whole = resolve(described);
  const bodies = Object.entries(whole.content ?? {}).map(([media, { schema }]) =>
    make("div", {}, make("code", {}, media), schema ? ` ${words(schema)}` : "", status < 400 && schema ? fields(schema) : null));
  return [status, make("div", {}, whole.description, ...bodies)];
}

// `curl` as one would type it, with what the route wants.
function example(method, path, operation) {
  const parts = ["curl"];
  if (method !== "get") parts.push("-X", method.toUpperCase());
  if (operation.security.length && !operation.security.some((one) => !Object.keys(one).length))
    parts.push('-H "Authorization: Bearer $TOKEN"');
  if (operation.requestBody) parts.push("-H 'Content-Type: application/json'", "-d '{…}'");
  return `${parts.join(" ")} ${location.origin}${path}`;
}

function drawn(method, path, operation) {
  const parameters = operation.parameters.map((one) => [
    make("code", {}, one.name), one.in, make("div", {}, words(one.schema), make("div", { class: "quiet" }, one.schema.description ?? "")),
  ]);
  const body = operation.requestBody?.content["application/json"].schema;
  const details = make("details", { id: operation.operationId },
    make("summary", {},
      make("span", { class: `method ${method}` }, method.toUpperCase()),
      make("code", {}, path),
      make("span", { class: "scope" }, operation["x-scope"]),
      make("span", { class: "about" }, operation.summary)),
    make("div", {},
      make("pre", {}, make("code", {}, example(method, path, operation))),
      table("Parameters", parameters),
      body ? make("section", {}, make("h3", {}, "Body"), make("code", {}, words(body)), fields(body)) : null,
      table("Answers", Object.entries(operation.responses).map(answer))));
  details.dataset.text = `${method} ${path} ${operation["x-scope"]} ${operation.summary} ${Object.keys(operation.responses).join(" ")}`.toLowerCase();
  return details;
}

function draw() {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(methods)) {
      if (method === "head") continue;
      const tag = operation.tags[0];
      groups.set(tag, [...(groups.get(tag) ?? []), drawn(method, path, operation)]);
    }
  const rank = (tag) => ["system", "auth"].indexOf(tag) >>> 0;
  const order = [...groups].sort(([one], [other]) => rank(one) - rank(other) || one.localeCompare(other));
  document.querySelector("#operations").replaceChildren(
    ...order.map(([tag, operations]) => make("section", {}, make("h2", {}, tag), ...operations)));
}

function find() {
  const wanted = document.querySelector("#find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...document.querySelectorAll("details")];
  for (const one of all) one.hidden = !wanted.every((word) => one.dataset.text.includes(word));
  for (const group of document.querySelectorAll("main > section"))
    group.hidden = !group.querySelector("details:not([hidden])");
  const shown = all.filter((one) => !one.hidden).length;
  document.querySelector("#count").textContent = `${shown} of ${all.length} routes`;
}

try {
  const answered = await fetch("/openapi.json");
  if (!answered.ok) throw new Error(`the agent answers ${answered.status}`);
  api = await answered.json();
  draw();
  document.querySelector("#find").addEventListener("input", find);
  find();
  document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
} catch (error) {
  document.querySelector("#operations").replaceChildren(make("p", { role: "alert" }, `The description cannot be read: ${error.message}`));
}
