// Text and elements: numbers without loss, sizes, times, lists that keep their elements.

const grouped = new Intl.NumberFormat("en-US");

/** Groups the digits of an exact decimal of any length. */
export function number(text) {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(String(text));
  if (!match) return String(text);
  return `${match[1] ? "\u2212" : ""}${grouped.format(BigInt(match[2]))}${match[3] ?? ""}`;
}

/** A rate for people: whole from ten on, one digit below. */
export function rate(value) {
  if (value >= 10) return grouped.format(Math.round(value));
  return value === 0 ? "0" : value.toFixed(1).replace(/\.0$/, "");
}

export function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  let value = Number(count);
  while (value >= 1000 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}\u202f${units[unit]}`;
}

/** How long ago, short: `now`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function ago(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds}\u202fs`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}\u202fmin`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}\u202fh`;
  return `${Math.floor(seconds / 86_400)}\u202fd`;
}

/** How far a view is behind its source: a fraction of a second is none. */
export function behind(view) {
  return view.lag_ms < 1000 ? "up to date" : `${ago(Math.max(2000, view.lag_ms))} behind`;
}

/** `MORE_TREES` reads as `More trees`; anything that is not such a constant stays as it is. */
export function human(text) {
  if (!/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(text) || text.length < 4) return text;
  const words = text.replaceAll("_", " ").toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
}

/** An element with attributes (`text` is its text) and children. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Sets text only where it differs: selections live, and nothing is painted for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** Makes the children of `parent` those of `rows`, in order, keeping the element of each key. */
export function keyed(parent, rows, key, create, update) {
  parent.kept ??= new Map();
  const kept = parent.kept;
  const seen = new Set();
  let at = parent.firstElementChild;
  for (const row of rows) {
    const id = key(row);
    seen.add(id);
    let element = kept.get(id);
    if (!element) { element = create(row); kept.set(id, element); }
    update(element, row);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const [id, element] of kept) {
    if (!seen.has(id)) { element.remove(); kept.delete(id); }
  }
}

/** Buttons with `data-copies` (an element's id) or `data-copy` (the text) copy it. */
export function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies],[data-copy]");
    if (!button) return;
    const text = button.dataset.copy ?? document.getElementById(button.dataset.copies).textContent;
    try { await navigator.clipboard.writeText(text); } catch { return; }
    const before = button.textContent;
    if (before === "Copied") return;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  });
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
