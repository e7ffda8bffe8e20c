// Schedules: when they run next, how the latest run went, and a button that runs them now.

import { follow } from "./live.js";
import { el, keyed, mark, number, say } from "./format.js";
import { functionPage, lastRun, moment, seconds, showAlarms, showWord, until } from "./rows.js";
import { post, pressing, saying } from "./act.js";

const id = (name) => document.getElementById(name);
let latest = null;
let received = 0;
const now = () => latest.at + performance.now() - received;

function newSchedule(row) {
  const parts = {
    word: el("span", { class: "word" }), when: el("code"), zone: el("span", { class: "soft" }), about: el("p", { class: "about", hidden: true }),
    due: el("p", { class: "due" }), next: el("ol", { class: "moments", "aria-label": "Next runs" }),
    last: el("p"), error: el("p", { class: "why", hidden: true }), ran: el("p", { class: "ran" }), facts: el("p", { class: "facts" }), input: el("pre", { tabindex: 0 }), to: el("a"),
  };
  const [button, note] = [el("button", { type: "button", text: "Run now", "aria-label": `Run ${row.name} now` }), el("span", { class: "count", role: "status" })];
  pressing(button, async () => (await post(`/api/schedules/${encodeURIComponent(row.name)}/run`)).done, saying(note));
  parts.hands = el("span", { class: "row" }, note, button);
  parts.details = el("details", {}, el("summary", { text: "Payload" }), parts.input);
  const column = (title, ...children) => el("div", {}, el("p", { class: "kicker", text: title }), ...children);
  const element = el("article", { class: "schedule", "data-schedule": row.name },
    el("h3", {}, el("span", { text: row.name }), parts.word, parts.hands), el("p", { class: "when" }, parts.when, " ", parts.zone), parts.about,
    el("div", { class: "columns" }, column("Next run", parts.due, parts.next), column("Last run", parts.last, parts.error, parts.ran), column("Calls", parts.to, parts.facts)),
    parts.details);
  return Object.assign(element, { parts });
}

function facts(row) {
  const said = [`missed runs: ${row.missed_policy === "run" ? "once, as soon as possible" : "skipped"}`];
  if (row.missed > 0) said.push(`${number(row.missed)} missed so far`);
  said.push(row.retry.attempts === 0 ? "no retries" : `${number(row.retry.attempts)} retries within ${seconds(row.retry.age_s)}`);
  if (row.window_minutes !== null) said.push(`starts within ${row.window_minutes}\u202fmin`);
  if (row.dead_letter) said.push(`given-up runs go to ${row.dead_letter.split(":").pop()}`);
  if (row.end_ms !== null) said.push(`ends ${moment(row.end_ms, now())}`);
  return said;
}

function showSchedule({ parts }, row) {
  showWord(parts.word, row.trouble && row.enabled ? "does not run" : row.enabled ? "enabled" : "disabled", row.trouble && row.enabled ? "bad" : row.enabled ? "good" : "soft");
  say(parts.when, row.expression);
  say(parts.zone, row.zone);
  parts.about.hidden = row.description === "";
  say(parts.about, row.description);
  say(parts.to, row.function);
  parts.to.href = functionPage(row.function);
  keyed(parts.facts, facts(row), (text) => text, (text) => el("span", { text }), () => {});
  say(parts.input, row.input ?? "The document that AWS sends.");
  parts.hands.hidden = !latest.hands;
  showTimes({ parts }, row);
}

/** What moves with the clock alone. */
function showTimes({ parts }, row) {
  const [first, ...later] = row.next_ms;
  say(parts.due, first === undefined ? (row.enabled ? "none: it is over" : "none while it is disabled") : until(first - now()));
  mark(parts.due, "tone", first === undefined ? "soft" : "");
  const moments = first === undefined ? [] : [first, ...later].slice(0, 5);
  keyed(parts.next, moments, (ms) => ms, (ms) => el("li", {}, el("time", { datetime: new Date(ms).toISOString() })), (item, ms) => say(item.firstChild, moment(ms, now())));
  const [text, tone] = lastRun(row, now());
  say(parts.last, text);
  mark(parts.last, "tone", tone);
  const { succeeded, given_up: given, waiting } = row.runs;
  const more = [[succeeded, "succeeded"], [given, "given up"], [waiting, "not done yet"]].filter(([count]) => count > 0).map(([count, what]) => `${number(count)} ${what}`);
  const error = [row.trouble, row.last?.error].filter(Boolean).join(" \u00b7 ");
  parts.error.hidden = error === "";
  say(parts.error, error);
  say(parts.ran, more.join(", "));
}

function show(frame) {
  latest = frame;
  received = performance.now();
  showAlarms(frame.alarms);
  id("no-schedules").hidden = frame.schedules.length > 0;
  keyed(id("schedules"), frame.schedules, (row) => row.name, newSchedule, showSchedule);
  const cut = frame.schedules_count > frame.schedules.length;
  id("schedules-count").hidden = !cut;
  say(id("schedules-count"), cut ? `The first ${frame.schedules.length} of ${number(frame.schedules_count)} schedules.` : "");
}

setInterval(() => {
  if (!latest || document.hidden) return;
  [...id("schedules").children].forEach((element, at) => showTimes(element, latest.schedules[at]));
}, 1000);
follow("/feed/schedules", show);
