// One function: figures and charts, its triggers with their lanes, the live end of its log, and a form that invokes it.

import { follow } from "./live.js";
import { ago, copying, el, keyed, mark, number, say } from "./format.js";
import {
  functionPage, functionWord, laneHead, seconds, share, showAlarms, showFigures, showLanes, showSettings, showWord, span, triggerPage,
} from "./rows.js";
import { Charts } from "./chart.js";
import { Log } from "./log.js";
import { indented, post } from "./act.js";

const id = (name) => document.getElementById(name);
const name = document.body.dataset.name;
let latest = null;
let received = 0;
const now = () => latest.at + performance.now() - received;

const charts = new Charts(id("charts"), id("ranges"), [
  { title: "Invocations", bars: true, unit: " a minute", series: [{ name: "invocations", figure: "invocations", tone: "one" }] },
  { title: "Failed", bars: true, unit: " a minute", series: [{ name: "errors", figure: "errors", tone: "bad" }, { name: "throttles", figure: "throttles", tone: "two" }] },
  { title: "Duration", shown: span, series: [{ name: "mean", figure: "mean_ms", tone: "one" }, { name: "p99", figure: "p99_ms", tone: "three" }] },
  { title: "Iterator age", shown: span, series: [{ name: "age", figure: "age_ms", tone: "two" }] },
]);
const log = new Log({
  list: id("log"), filter: id("log-filter"), pause: id("log-pause"), clear: id("log-clear"), count: id("log-count"), empty: id("no-log"),
});

function showNumbers(row) {
  const ran = row.duration_ms.count > 0;
  const rows = [
    ["Invocations", number(row.invocations), `${number(row.cold_starts)} cold`],
    ["Errors", number(row.errors), share(row.errors, row.invocations), row.errors > 0 ? "bad" : ""],
    ["Timed out", number(row.timeouts), "", row.timeouts > 0 ? "bad" : ""],
    ["No room", number(row.throttles), "throttled", row.throttles > 0 ? "warn" : ""],
    ["Median", ran ? span(row.duration_ms.p50) : "\u2013"],
    ["p99", ran ? span(row.duration_ms.p99) : "\u2013", ran ? `at most ${span(row.duration_ms.max)}` : ""],
    ["Processes", number(row.processes.busy + row.processes.idle + row.processes.starting), `${number(row.processes.busy)} busy`],
    ["Waiting", number(row.waiting), "", row.waiting > 0 ? "warn" : ""],
    ["Memory", row.memory_max_mb === null ? "\u2013" : `${number(row.memory_max_mb)}\u202fMB`, `of ${number(row.memory_mb)}`],
  ];
  const { waiting, tried_again: again, given_up: given } = row.events;
  if (waiting + again + given > 0) rows.push(["Events", number(waiting), given > 0 ? `wait, ${number(given)} given up` : "wait", given > 0 ? "bad" : ""]);
  showFigures(id("figures"), rows);
}

function showError(row) {
  const error = row.last_error;
  id("last-error").hidden = error === null;
  if (error === null) return;
  const when = ago(now() - error.at_ms);
  keyed(id("last-error"), [["when", `Last error, ${when === "now" ? "just now" : `${when} ago`}`], ["kind", error.kind], ["message", error.message]], ([part]) => part,
    ([part]) => el(part === "when" ? "span" : part === "kind" ? "b" : "code", { class: part }), (element, [, text]) => say(element, text));
}

function newTrigger(row) {
  const parts = { word: el("span", { class: "word" }), facts: el("p", { class: "facts" }), lanes: el("tbody") };
  const head = el("h3", {}, el("a", { href: triggerPage(row.uuid), text: `From ${row.source.name}` }), parts.word);
  const table = el("table", { class: "grid cards lanes" }, laneHead(), parts.lanes);
  return Object.assign(el("article", { class: "trigger", "data-trigger": row.uuid }, head, parts.facts, el("div", { class: "scroll" }, table)), { parts });
}

function showTrigger({ parts }, row) {
  showWord(parts.word, row.doing);
  const facts = [
    [row.counts.delivered, "delivered"], [row.counts.calls, "calls"], [row.counts.errors, "errors", "bad"], [row.counts.filtered, "filtered out"],
    [row.counts.given_up, "given up", "bad"], [row.counts.parked_now, "parked", "warn"], [row.counts.dead_letters, "dead letters", "warn"], [row.lag_records, "behind"],
  ].filter(([count], at) => at < 2 || count > 0);
  keyed(parts.facts, facts, ([, what]) => what, ([, what]) => el("span", {}, el("b"), ` ${what}`), (fact, [count, , tone]) => {
    say(fact.firstChild, number(count));
    mark(fact, "tone", tone ?? "");
  });
  showLanes(parts.lanes, row.lanes, now());
}

function settings(row, schedules) {
  const code = (text) => el("code", { text });
  const rows = [
    ["Runtime", row.runtime],
    ["Handler", code(row.handler)],
    ["Code", code(row.folder)],
    ["Timeout", seconds(row.timeout_s)],
    ["Memory", `${number(row.memory_mb)}\u202fMB`],
    ["At once", row.reserved_concurrency === null ? "as many as the program allows" : `at most ${number(row.reserved_concurrency)}`],
    ["Environment", row.environment.length > 0 ? row.environment.join(", ") : "none"],
    ["ARN", el("span", {}, code(row.arn), " ", el("button", { class: "copy", type: "button", "data-copy": row.arn, text: "Copy" }))],
  ];
  if (row.description) rows.unshift(["Description", row.description]);
  if (schedules.length > 0) {
    rows.push(["Called by", el("span", {}, ...schedules.flatMap((one, at) => [at > 0 ? ", " : "", el("a", { href: "/schedules", text: one.name }), ` ${one.expression}`]))]);
  }
  return rows;
}

function show(frame) {
  const gone = frame.gone ? "This function is no longer there." : "";
  id("alarm").hidden = gone === "";
  say(id("alarm"), gone);
  if (gone) return;
  latest = frame;
  received = performance.now();
  const row = frame.function;
  showAlarms(frame.alarms);
  showWord(id("state"), ...functionWord(row));
  say(id("about"), `${row.runtime}, ${row.handler}`);
  showNumbers(row);
  showError(row);
  charts.charts[3].hidden = frame.triggers.length === 0;
  charts.update(frame.history);
  id("triggers-section").hidden = frame.triggers.length === 0;
  keyed(id("triggers"), frame.triggers, (trigger) => trigger.uuid, newTrigger, showTrigger);
  id("invoke-section").hidden = !frame.hands;
  showSettings(id("settings"), settings(row, frame.schedules));
}

function showAnswer(answer) {
  id("answer").hidden = false;
  mark(id("answer"), "tone", answer.error ? "bad" : "good");
  const parts = [answer.error ? `${answer.error} error` : "Answered", span(answer.duration_ms)];
  if (answer.init_ms !== null) parts.push(`cold start ${span(answer.init_ms)}`);
  if (answer.memory_max_mb !== null) parts.push(`${number(answer.memory_max_mb)}\u202fMB`);
  say(id("answer-head"), parts.join(" \u00b7 "));
  say(id("answer-payload"), indented(answer.payload));
  id("answer-log-part").hidden = answer.log_tail === "";
  say(id("answer-log"), answer.log_tail);
}

function invoking() {
  const payload = id("payload");
  // What the page of a trigger hands over: a parked record, to be tried again by hand.
  try {
    const handed = sessionStorage.getItem("streamfold-payload");
    if (handed !== null) {
      payload.value = indented(handed);
      sessionStorage.removeItem("streamfold-payload");
      requestAnimationFrame(() => { id("invoke-section").scrollIntoView(); payload.focus(); });
    }
  } catch { /* A private window hands nothing over. */ }
  payload.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); id("invoke").requestSubmit(); }
  });
  id("invoke").addEventListener("submit", async (event) => {
    event.preventDefault();
    const [button, note] = [id("invoke-go"), id("invoke-note")];
    try { JSON.parse(payload.value); } catch (error) { mark(note, "tone", "bad"); say(note, `Not JSON: ${error.message}`); payload.focus(); return; }
    button.disabled = true;
    mark(note, "tone", "");
    say(note, "Waiting for the answer\u2026");
    try {
      showAnswer(await post(`/api${functionPage(name)}/invoke`, payload.value));
      say(note, "");
    } catch (error) { mark(note, "tone", "bad"); say(note, error.message); }
    button.disabled = false;
  });
}

copying();
invoking();
setInterval(() => { if (latest && !document.hidden) showError(latest.function); }, 1000);
follow(() => `${functionPage(name)}/feed${log.next === null ? "" : `?after=${log.next}`}`, show, { log: (page) => log.take(page) });
