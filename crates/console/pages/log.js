// The live end of a log: as many lines as a person reads, told apart by what wrote them.

import { el, number, say } from "./format.js";

/** Lines kept; older ones make room. */
const LINES_MAX = 2000;

export class Log {
  constructor({ list, filter, pause, clear, count, empty }) {
    Object.assign(this, { list, filter, pause, count, empty, lines: [], held: [], dropped: 0, wanted: "" });
    /** The position that the next line follows. */
    this.next = null;
    this.follows = true;
    filter.addEventListener("input", () => { this.wanted = filter.value.toLowerCase(); this.sift(); });
    pause.addEventListener("click", () => this.turn());
    clear.addEventListener("click", () => { this.lines = []; list.replaceChildren(); this.tell(); });
    // Who scrolls up reads; who is at the end follows.
    list.addEventListener("scroll", () => { this.follows = list.scrollHeight - list.scrollTop - list.clientHeight < 30; });
  }

  get paused() { return this.pause.getAttribute("aria-pressed") === "true"; }

  turn() {
    const paused = !this.paused;
    this.pause.setAttribute("aria-pressed", String(paused));
    say(this.pause, paused ? "Resume" : "Pause");
    if (!paused) { const held = this.held; this.held = []; this.write(held); }
    this.tell();
  }

  take(page) {
    this.next = page.next;
    const lines = page.lost ? [{ kind: "lost", at_ms: null, text: "older lines are gone" }, ...page.lines] : page.lines;
    if (!this.paused) this.write(lines);
    else this.held = [...this.held, ...lines].slice(-LINES_MAX);
    this.tell();
  }

  write(lines) {
    const fresh = lines.slice(-LINES_MAX).map((line) => newLine(line));
    for (const line of fresh) line.hidden = !this.matches(line);
    this.lines.push(...fresh);
    this.list.append(...fresh);
    for (const old of this.lines.splice(0, Math.max(0, this.lines.length - LINES_MAX))) old.remove();
    if (this.follows) this.list.scrollTop = this.list.scrollHeight;
  }

  matches(line) { return this.wanted === "" || line.text.includes(this.wanted); }

  sift() {
    for (const line of this.lines) line.hidden = !this.matches(line);
    this.follows = true;
    this.list.scrollTop = this.list.scrollHeight;
    this.tell();
  }

  tell() {
    this.empty.hidden = this.lines.length > 0 || this.held.length > 0;
    this.list.hidden = !this.empty.hidden;
    const shown = this.wanted === "" ? this.lines.length : this.lines.filter((line) => !line.hidden).length;
    const found = this.wanted === "" ? "" : `${number(shown)} of ${number(this.lines.length)} lines`;
    say(this.count, this.paused ? `paused, ${number(this.held.length)} new ${this.held.length === 1 ? "line" : "lines"}` : found);
  }
}

const clock = (ms) => {
  if (ms === null) return "";
  const time = new Date(ms);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
};

/** The figures of a REPORT that change from call to call. */
const FIGURES = { Duration: "", "Max Memory Used": "", "Init Duration": "cold start " };

function words(line) {
  const request = line.request ? el("span", { class: "request", title: line.request, text: line.request.slice(0, 8) }) : "";
  if (line.kind === "start") return [el("b", { text: "start" }), request];
  if (line.kind === "end") return [el("b", { text: "end" }), request];
  if (line.kind === "init") return [el("b", { text: "init" }), el("span", { class: "figure", text: line.text.replace(/^INIT_START\s*/, "") })];
  if (line.kind === "report") {
    const figures = line.figures.filter(([name]) => name in FIGURES)
      .map(([name, value]) => el("span", { class: "figure", title: name, text: FIGURES[name] + value.replace(/ (ms|MB)$/, "\u202f$1") }));
    return [el("b", { text: "report" }), request, ...figures];
  }
  return [el("span", { class: "output", text: line.text })];
}

function newLine(line) {
  const element = el("li", { "data-kind": line.kind, title: ["start", "end", "report", "init"].includes(line.kind) ? line.text : null },
    el("time", { text: clock(line.at_ms) }), el("span", { class: "words" }, ...words(line)));
  return Object.assign(element, { text: line.text.toLowerCase() });
}
