// The page's parts: texts and lists that change only where what they show does. All enters as text.

export const root = document.documentElement;
export const part = (id) => document.getElementById(id);
export const ticking = new Map();

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say a text where there is one; without, the element is away. */
export function show(element, text) {
  say(element, text ?? "");
  element.hidden = !text;
}

/** Say a text that changes with time; it is told anew every second. */
export function keepSaying(element, tell) {
  ticking.set(element, tell);
  say(element, tell());
}

export function stopSaying(element, text) {
  ticking.delete(element);
  say(element, text);
}

export function sign(use, name) {
  const href = `#sign-${name}`;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A copy of a template, and its slots by name. */
export function copy(id) {
  const made = part(id).content.firstElementChild.cloneNode(true);
  const slots = [...made.querySelectorAll("[data-slot]")].map((slot) => [slot.dataset.slot, slot]);
  return { made, slots: Object.fromEntries(slots) };
}

/** Make a list anew, only if what it shows has changed. */
export function fill(list, items, make) {
  const shown = JSON.stringify(items);
  if (list.shown === shown) return;
  list.shown = shown;
  list.replaceChildren(...items.map(make));
  list.hidden = items.length === 0;
}

/** The address, if it is one that a page may lead to; `null` for any other. */
export function safeUrl(href) {
  try {
    const url = new URL(href, location.href);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

export function link(anchorElement, href, label) {
  const url = href ? safeUrl(href) : null;
  anchorElement.hidden = !url;
  if (!url) return;
  anchorElement.href = url.href;
  if (label) say(anchorElement, label);
}
