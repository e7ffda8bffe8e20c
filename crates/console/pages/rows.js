// What several pages show of functions, triggers and schedules: words for states, alarms, rows of lists.

import { ago, bytes, el, keyed, mark, number, say } from "./format.js";

const id = (name) => document.getElementById(name);
export const functionPage = (name) => `/functions/${encodeURIComponent(name)}`;
export const triggerPage = (uuid) => `/triggers/${encodeURIComponent(uuid)}`;
export const tablePage = (name) => `/tables/${encodeURIComponent(name)}`;

/** A duration in three digits: `0.42 ms`, `12 ms`, `3.4 s`, `2 min`. */
export function span(ms) {
  if (ms === null || ms === undefined) return "\u2013";
  if (ms < 1) return ms === 0 ? "0\u202fms" : `${ms.toFixed(2)}\u202fms`;
  if (ms < 10) return `${ms.toFixed(1).replace(/\.0$/, "")}\u202fms`;
  if (ms < 1000) return `${Math.round(ms)}\u202fms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")}\u202fs`;
  return ago(ms);
}

/** Seconds as a setting: `5 min`, `24 h`, `90 s`. */
export function seconds(count) {
  if (count >= 3600 && count % 3600 === 0) return `${number(count / 3600)}\u202fh`;
  if (count >= 60 && count % 60 === 0) return `${count / 60}\u202fmin`;
  return `${number(count)}\u202fs`;
}

/** How long until: `now`, `in 12 s`, `in 4 min 10 s`, `in 3 h 20 min`. */
export function until(ms) {
  const left = Math.ceil(ms / 1000);
  if (left <= 0) return "now";
  if (left < 60) return `in ${left}\u202fs`;
  if (left < 600) return left % 60 === 0 ? `in ${left / 60}\u202fmin` : `in ${Math.floor(left / 60)}\u202fmin ${left % 60}\u202fs`;
  const minutes = Math.ceil(left / 60);
  if (minutes < 60) return `in ${minutes}\u202fmin`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `in ${hours}\u202fh` : `in ${hours}\u202fh ${minutes % 60}\u202fmin`;
  return `in ${Math.round(hours / 24)}\u202fdays`;
}

/** A moment as a clock here shows it, with its day where that is another one. */
export function moment(ms, now) {
  const time = new Date(ms);
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (time.toDateString() === new Date(now).toDateString()) return clock;
  const near = Math.abs(ms - now) < 6 * 86_400_000;
  return `${time.toLocaleDateString([], near ? { weekday: "short" } : { year: "numeric", month: "short", day: "numeric" })} ${clock}`;
}

/** A share of failures: exact where there are none. */
export function share(errors, all) {
  if (errors === 0 || all === 0) return "0\u202f%";
  const percent = errors / all * 100;
  if (percent < 0.1) return "<\u202f0.1\u202f%";
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)}\u202f%`;
}

const TONES = {
  idle: "good", calling: "good", gathering: "good", "backing off": "warn", stopped: "bad", paused: "soft", ended: "soft", disabled: "soft", enabled: "good",
};

/** Shows a state as a dot and a word. */
export function showWord(element, word, tone = TONES[word] ?? "soft") {
  mark(element, "tone", tone);
  say(element, word);
}

/** What a function is doing, in a word. */
export function functionWord(row) {
  if (row.init_error) return ["does not start", "bad"];
  if (row.processes.busy > 0) return ["running", "good"];
  if (row.processes.starting > 0) return ["starting", "good"];
  return row.processes.idle > 0 ? ["ready", "good"] : ["cold", "soft"];
}

export function showAlarms(alarms) {
  const { shown, more } = alarms ?? { shown: [], more: 0 };
  id("alarms").hidden = shown.length === 0;
  const rows = more > 0 ? [...shown, { text: `and ${more} more`, href: "/functions" }] : shown;
  keyed(id("alarms"), rows, (alarm) => `${alarm.href} ${alarm.text}`,
    (alarm) => el("li", {}, el("a", { href: alarm.href, text: alarm.text })), () => {});
}

/** A dot for each process, and in words how many are busy. */
export function newProcesses() {
  const parts = { dots: el("span", { class: "dots", "aria-hidden": true }), text: el("span", { class: "soft" }) };
  return Object.assign(el("span", { class: "processes" }, parts.dots, parts.text), { parts });
}

export function showProcesses({ parts }, row) {
  const { busy, idle, starting } = row.processes;
  const dots = [...Array(busy).fill("busy"), ...Array(starting).fill("starting"), ...Array(idle).fill("idle")].slice(0, 12);
  keyed(parts.dots, dots.map((kind, at) => ({ kind, at })), (dot) => dot.at, () => el("i"), (dot, { kind }) => mark(dot, "kind", kind));
  const all = busy + idle + starting;
  const waiting = row.waiting > 0 ? `, ${number(row.waiting)} waiting` : "";
  say(parts.text, all > 0 ? `${number(busy)} of ${number(all)} busy${waiting}` : `none${waiting}`);
}

/** Cells of a row, with the names that a phone shows beside them. */
export function cells(names) {
  const made = {};
  for (const [name, label, kind = ""] of names) made[name] = el("td", { class: kind, "data-label": label });
  return made;
}

/** A count that alarms where it is not zero. */
export function showCount(cell, count, tone) {
  say(cell, count > 0 ? number(count) : "\u2013");
  mark(cell, "tone", count > 0 ? tone : "soft");
}

function newTrigger(row) {
  const shown = cells([["from", "From", "name"], ["to", "To"], ["state", "State"], ["age", "Age", "n"], ["lag", "Behind", "n"],
    ["delivered", "Delivered", "n"], ["errors", "Errors", "n"], ["parked", "Parked", "n"]]);
  shown.from.append(el("a", { href: triggerPage(row.uuid), text: row.source.name, title: `Trigger ${row.uuid}` }));
  shown.to.append(el("a", { href: functionPage(row.function), text: row.function }));
  const word = el("span", { class: "word" });
  shown.state.append(word);
  return Object.assign(el("tr", { "data-trigger": row.uuid }, ...Object.values(shown)), { shown, word });
}

/** Fills the list of triggers. */
export function showTriggers(rows, count) {
  id("triggers-section").hidden = rows.length === 0;
  say(id("triggers-count"), count > rows.length ? `the first ${rows.length} of ${number(count)}` : "");
  keyed(id("triggers"), rows, (row) => row.uuid, newTrigger, ({ shown, word }, row) => {
    const stopped = row.lanes_stopped > 0 && row.lanes_count > 1 ? `${row.lanes_stopped} of ${row.lanes_count} lanes stopped` : row.doing;
    showWord(word, stopped, TONES[row.doing]);
    say(shown.age, row.iterator_age_ms > 0 ? span(row.iterator_age_ms) : "\u2013");
    mark(shown.age, "tone", row.iterator_age_ms > 0 ? "" : "soft");
    say(shown.lag, row.lag_records > 0 ? number(row.lag_records) : "\u2013");
    mark(shown.lag, "tone", row.lag_records > 0 ? "" : "soft");
    say(shown.delivered, number(row.counts.delivered));
    showCount(shown.errors, row.counts.errors, "bad");
    showCount(shown.parked, row.counts.parked_now, row.quarantine_full ? "bad" : "warn");
  });
}

const LANE_CELLS = [["shard", "Shard"], ["lane", "Lane", "n"], ["phase", "Doing"], ["position", "Position", "n"], ["lag", "Behind", "n"],
  ["age", "Age", "n"], ["attempts", "Attempts", "n"], ["delivered", "Delivered", "n"], ["errors", "Errors", "n"]];

/** The head of a table of lanes. */
export function laneHead() {
  return el("thead", {}, el("tr", {}, ...LANE_CELLS.map(([, label, kind]) => el("th", { class: kind, text: label }))));
}

function newLane() {
  const shown = cells(LANE_CELLS);
  const word = el("span", { class: "word" });
  const said = el("div", { class: "said", hidden: true });
  shown.phase.append(word, said);
  return Object.assign(el("tr", {}, ...Object.values(shown)), { shown, word, said });
}

function phaseWords(phase, now) {
  if (phase.name === "calling") return `calling with ${number(phase.records)} ${phase.records === 1 ? "record" : "records"}`;
  if (phase.name === "gathering") return `gathering, ${until(phase.until_ms - now).replace("in ", "")} left`;
  if (phase.name === "backing off") return `tries again ${until(phase.until_ms - now)}`;
  return phase.name;
}

/** What a lane has to say beyond figures: why it stands, what failed last, what it gave up. */
function laneSaid(lane) {
  const said = [];
  if (lane.phase.why) said.push(lane.phase.why);
  if (lane.last_error && lane.last_error !== lane.phase.why) said.push(lane.last_error);
  if (lane.gave_up) said.push(`gave up ${number(lane.gave_up.records)} at ${number(lane.gave_up.first)}: ${lane.gave_up.condition}`);
  return said.join(" \u00b7 ");
}

/** Fills a table of lanes. */
export function showLanes(body, lanes, now) {
  keyed(body, lanes, (lane) => `${lane.shard} ${lane.lane}`, newLane, ({ shown, word, said }, lane) => {
    say(shown.shard, lane.shard);
    say(shown.lane, String(lane.lane));
    showWord(word, phaseWords(lane.phase, now), TONES[lane.phase.name]);
    const text = laneSaid(lane);
    said.hidden = text === "";
    say(said, text);
    say(shown.position, number(lane.position));
    showCount(shown.lag, lane.lag, "");
    say(shown.age, lane.age_ms > 0 ? span(lane.age_ms) : "\u2013");
    mark(shown.age, "tone", lane.age_ms > 0 ? "" : "soft");
    showCount(shown.attempts, lane.attempts, "warn");
    say(shown.delivered, number(lane.counts.delivered));
    showCount(shown.errors, lane.counts.errors, "bad");
  });
}

/** How the latest run ended, and its tone. */
export function lastRun(row, now) {
  if (!row.last) return ["never", "soft"];
  const when = ago(now - row.last.ended_ms);
  const time = when === "now" ? "just now" : `${when} ago`;
  const tone = { succeeded: "good", "will try again": "warn", "gave up": "bad" }[row.last.outcome];
  return [`${row.last.outcome}, ${time}`, tone];
}

/** Terms and what they say: `[[term, text or element]]`. */
export function showSettings(list, rows) {
  keyed(list, rows.flatMap(([term, what]) => [{ term, what: null }, { term, what }]), (row) => `${row.term} ${row.what === null}`,
    (row) => (row.what === null ? el("dt", { text: row.term }) : el("dd")),
    (element, row) => {
      if (row.what === null) return;
      if (typeof row.what === "string") say(element, row.what);
      // An element of a setting is made anew with each frame: it replaces one that differs only.
      else if (element.textContent !== row.what.textContent) element.replaceChildren(row.what);
    });
}

/** Named figures in a strip. */
export function showFigures(strip, rows) {
  keyed(strip, rows, ([name]) => name, ([name]) => {
    const [value, small] = [el("span", { class: "figure" }), el("span", { class: "beside" })];
    return Object.assign(el("div", {}, el("p", { class: "kicker", text: name }), value, " ", small), { value, small });
  }, (element, [, text, beside, tone]) => {
    say(element.value, text);
    say(element.small, beside ?? "");
    mark(element.value, "tone", tone ?? "");
  });
}

export const bucketPage = (name) => `/buckets/${encodeURIComponent(name)}`;

/** A bucket in a list. */
export function newBucket(row) {
  const shown = cells([["name", "Name", "name"], ["objects", "Objects", "n"], ["size", "Size", "n"], ["calls", "Events call", "soft"],
    ["told", "Told", "n"], ["waiting", "Waiting", "n"], ["behind", "Behind", "n"]]);
  shown.name.append(el("a", { href: bucketPage(row.name), text: row.name }));
  return Object.assign(el("tr", { "data-bucket": row.name }, ...Object.values(shown)), { shown });
}

export function showBucket({ shown }, row) {
  say(shown.objects, number(row.objects));
  say(shown.size, row.bytes === null ? "counting" : bytes(row.bytes));
  const functions = [...new Set(row.targets.map((target) => target.function))];
  say(shown.calls, functions.length > 0 ? functions.join(", ") : "\u2013");
  showCount(shown.told, row.told, "");
  showCount(shown.waiting, Math.max(0, ...row.targets.map((target) => target.waiting)), "");
  showCount(shown.behind, row.behind, row.trouble ? "bad" : "");
}
