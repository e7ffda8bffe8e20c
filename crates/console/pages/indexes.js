// Indexes and expiry: their words, and the bar of one that is still being filled.

import { el, number, say } from "./format.js";

/** `group, sk`: the parts of a key, a part of several attributes in parentheses. */
export function keyText(index) {
  const part = (name) => index.key.filter((one) => one.part === name).map((one) => one.name);
  const text = (names) => (names.length > 1 ? `(${names.join(", ")})` : names.join());
  return [part("partition"), part("sort")].filter((names) => names.length > 0).map(text).join(", ");
}

/** What entries carry. */
export function projection(index) {
  if (index.projected === "all") return "whole items";
  return ["keys", ...index.projected].join(", ");
}

/** Shows what is there, or a bar while it is not all there. */
export function newState() {
  const parts = { text: el("span", { class: "soft" }), bar: el("i") };
  parts.progress = el("div", { class: "progress", role: "progressbar", "aria-label": "Filling", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, parts.bar);
  return Object.assign(el("div", { class: "state" }, parts.progress, parts.text), { parts });
}

export function showState({ parts }, fill, complete) {
  parts.progress.hidden = fill === null;
  if (fill === null) { say(parts.text, complete); return; }
  const percent = fill.total > 0 ? Math.min(100, Math.floor(fill.done / fill.total * 100)) : 0;
  parts.progress.setAttribute("aria-valuenow", percent);
  parts.bar.style.setProperty("--part", percent / 100);
  say(parts.text, `${percent}\u202f% of ${number(fill.total)} items`);
}

/** A table's indexes, then its expiry, as rows of one list: `{id, kind, name, key, carries, items, bytes, fill}`. */
export function derived(table) {
  const rows = (table.indexes ?? []).map((index) => ({
    id: `index ${index.name}`, kind: index.local ? "local" : "global", name: index.name, key: keyText(index),
    carries: projection(index), items: index.items, bytes: index.bytes, fill: index.fill,
  }));
  if (table.expiry) {
    rows.push({
      id: "expiry", kind: "expiry", name: table.expiry.attribute, key: "", items: table.expiry.items, bytes: null,
      carries: table.expiry.items === 1 ? "1 item waits for its time" : `${number(table.expiry.items)} items wait for their time`,
      fill: table.expiry.fill,
    });
  }
  return rows;
}
