// Small charts of the last hour or its end: bars of counts, lines of times. Whole steps only; what is not known is empty.

import { el, number, rate, say } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 100;
/** Places of a chart, whatever its range. */
const PLACES = 120;
export const RANGES = [["10 min", 1], ["1 h", 6]];

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/** `points` as `PLACES` values, the newest last, each of `steps` points: their sum, or the largest. Unknown is null. */
function places(points, steps, sum) {
  const values = Array(PLACES).fill(null);
  for (let back = 0; back < Math.min(points.length, PLACES * steps); back += 1) {
    const point = points[points.length - 1 - back];
    const at = PLACES - 1 - Math.floor(back / steps);
    if (point === null) continue;
    values[at] = values[at] === null ? point : sum ? values[at] + point : Math.max(values[at], point);
  }
  return values;
}

/**
 * One chart. `series`: `[{name, figure, tone}]`, `figure` being its name in a history. Bars (`bars: true`) show counts,
 * by the minute; lines show values of the moment. `shown(value)` is a value's text.
 */
export class Chart {
  constructor(parent, { title, series, bars = false, shown = rate, unit = "" }) {
    Object.assign(this, { series, bars, shown, unit, title, history: null, steps: 1, at: null });
    this.now = el("span", { class: "now" });
    this.when = el("span", { class: "when" });
    this.paths = series.map(({ tone }) => svg("path", { class: bars ? "bars" : "line", "data-tone": tone }));
    this.beds = series.map(({ tone }, at) => svg("path", { class: "area", "data-tone": tone, visibility: bars || at > 0 ? "hidden" : "visible" }));
    this.cursor = svg("path", { class: "cursor" });
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "ground", d: `M0 ${HEIGHT - 0.5}H${WIDTH}M0 0.5H${WIDTH}` }), ...this.beds, ...this.paths, this.cursor);
    this.top = el("span", { class: "peak" });
    this.from = el("span");
    const keys = series.length > 1 ? series.map(({ name, tone }) => el("span", { class: "key", "data-tone": tone, text: name })) : [];
    this.figure = el("figure", { class: "chart", role: "img" }, el("figcaption", {}, el("b", { text: title }), ...keys, this.top, this.when, this.now),
      this.picture, el("p", { class: "scale", "aria-hidden": true }, this.from, el("span", { text: "now" })));
    parent.append(this.figure);
    const canvas = this.picture;
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      this.at = Math.min(PLACES - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * PLACES)));
      this.point();
    });
    canvas.addEventListener("pointerleave", () => { this.at = null; this.point(); });
  }

  set hidden(hidden) { this.figure.hidden = hidden; }

  /** Shows a history, or none; each place stands for so many steps of it. */
  update(history, steps) {
    const same = history && this.history && history.until_ms === this.history.until_ms && steps === this.steps;
    if (same || (!history && !this.history && steps === this.steps && this.values)) return;
    Object.assign(this, { history, steps });
    const step = history?.step_ms ?? 5000;
    const perMinute = 60_000 / (step * steps);
    this.values = this.series.map(({ figure }) => {
      const values = places(history?.[figure] ?? [], steps, this.bars);
      return this.bars ? values.map((value) => (value === null ? null : value * perMinute)) : values;
    });
    this.draw();
    this.point();
    const [label] = RANGES.find(([, range]) => range === steps);
    say(this.from, `${label} ago`);
  }

  draw() {
    const all = this.values.flat().filter((value) => value !== null);
    const largest = Math.max(0, ...all);
    const top = largest > 0 ? largest : 1;
    const y = (value) => HEIGHT - value / top * (HEIGHT - 4);
    this.values.forEach((values, series) => {
      const [path, bed] = this.bars ? [columns(values, y), ""] : line(values, y);
      this.paths[series].setAttribute("d", path);
      this.beds[series].setAttribute("d", series === 0 ? bed : "");
    });
    say(this.top, largest > 0 ? `peak ${this.shown(largest)}` : "");
    const newest = this.text(PLACES - 1);
    this.figure.setAttribute("aria-label", `${this.title}: now ${newest}, at most ${this.shown(largest)}${this.unit}`);
  }

  /** What is shown at a place. */
  text(at) {
    const parts = this.values.map((values, series) => [values[at], this.series[series].name]).filter(([value]) => value !== null);
    if (parts.length === 0) return this.bars ? `0${this.unit}` : "\u2013";
    return parts.map(([value, name]) => (this.values.length > 1 ? `${this.shown(value)} ${name}` : this.shown(value))).join(", ") + this.unit;
  }

  /** Marks the place under the pointer and says what was there; without a pointer, what is now. */
  point() {
    if (!this.values) return;
    const at = this.at ?? PLACES - 1;
    const x = ((at + 0.5) * WIDTH / PLACES).toFixed(1);
    this.cursor.setAttribute("d", this.at === null ? "" : `M${x} 0V${HEIGHT}`);
    say(this.now, this.text(at));
    const ms = this.history && this.at !== null ? this.history.until_ms - (PLACES - 1 - at) * this.steps * this.history.step_ms : null;
    say(this.when, ms === null ? "" : new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  }
}

function columns(values, y) {
  const width = WIDTH / PLACES;
  return values.map((value, at) => (value > 0
    ? `M${(at * width + 0.8).toFixed(1)} ${HEIGHT}V${Math.min(y(value), HEIGHT - 2).toFixed(1)}h${(width - 1.6).toFixed(1)}V${HEIGHT}Z` : "")).join("");
}

/** Straight from place to place; a lone one is a dash. Gives the line and what lies below it. */
function line(values, y) {
  const x = (at) => (at + 0.5) * WIDTH / PLACES;
  let [path, bed] = ["", ""];
  let from = null;
  values.forEach((value, at) => {
    if (value === null) return;
    const point = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    const begins = at === 0 || values[at - 1] === null;
    if (begins) from = at;
    path += begins ? `M${point}` : `L${point}`;
    bed += begins ? `M${x(at).toFixed(1)} ${HEIGHT}L${point}` : `L${point}`;
    const ends = at === values.length - 1 || values[at + 1] === null;
    if (ends) { path += from === at ? "h2" : ""; bed += `V${HEIGHT}Z`; }
  });
  return [path, bed];
}

/** The charts of a page with the buttons that choose their range. */
export class Charts {
  constructor(parent, ranges, kinds) {
    this.charts = kinds.map((kind) => new Chart(parent, kind));
    this.steps = 1;
    this.history = null;
    this.buttons = RANGES.map(([label, steps]) => {
      const button = el("button", { type: "button", text: label, "aria-pressed": steps === this.steps ? "true" : "false" });
      button.addEventListener("click", () => { this.steps = steps; this.press(); this.update(this.history); });
      ranges.append(button);
      return { button, steps };
    });
  }

  press() {
    for (const { button, steps } of this.buttons) button.setAttribute("aria-pressed", steps === this.steps ? "true" : "false");
  }

  update(history) {
    this.history = history;
    for (const chart of this.charts) chart.update(history, this.steps);
  }
}

/** An hour by the minute in a cell of a list: bars of calls, what failed of them in the colour of what went wrong. */
export class Spark {
  constructor() {
    this.calls = svg("path", { class: "bars", "data-tone": "one" });
    this.errors = svg("path", { class: "bars", "data-tone": "bad" });
    this.element = svg("svg", { class: "spark", viewBox: "0 0 240 40", preserveAspectRatio: "none", role: "img" },
      svg("path", { class: "ground", d: "M0 39.5H240" }), this.calls, this.errors);
  }

  update(minutes) {
    const key = JSON.stringify(minutes);
    if (key === this.key) return;
    this.key = key;
    const calls = minutes?.invocations ?? [];
    const top = Math.max(1, ...calls);
    const bars = (values) => values.map((value, at) => (value > 0
      ? `M${at * 4 + 0.5} 40V${(40 - Math.max(1.5, value / top * 38)).toFixed(1)}h3V40Z` : "")).join("");
    this.calls.setAttribute("d", bars(calls));
    this.errors.setAttribute("d", bars(minutes?.errors ?? []));
    this.element.setAttribute("aria-label", minutes ? `at most ${number(top)} invocations a minute` : "no invocations");
  }
}
