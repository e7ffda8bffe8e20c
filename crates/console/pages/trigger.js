// One trigger: what it delivered and what it did not, its lanes, and its quarantine with every record in full.

import { follow } from "./live.js";
import { ago, bytes, copying, el, keyed, mark, number, say } from "./format.js";
import {
  functionPage, seconds, showAlarms, showFigures, showLanes, showSettings, showWord, span, tablePage, triggerPage,
} from "./rows.js";
import { Charts } from "./chart.js";
import { indented, post, pressing, saying } from "./act.js";

const id = (name) => document.getElementById(name);
const uuid = document.body.dataset.name;
const api = `/api${triggerPage(uuid)}`;
let latest = null;
let received = 0;
const now = () => latest.at + performance.now() - received;
/** The pages of the quarantine that are shown: where each begins, null being the first. */
let starts = [null];
/** What was parked when the quarantine was read: it is read again when that changes. */
let readAt = null;

const charts = new Charts(id("charts"), id("ranges"), [
  { title: "Records delivered", bars: true, unit: " a minute", series: [{ name: "delivered", figure: "delivered", tone: "one" }] },
  { title: "Failed calls", bars: true, unit: " a minute", series: [{ name: "errors", figure: "errors", tone: "bad" }] },
  { title: "Iterator age", shown: span, series: [{ name: "age", figure: "age_ms", tone: "two" }] },
  { title: "Records in quarantine", shown: (value) => number(Math.round(value)), series: [{ name: "parked", figure: "parked_now", tone: "two" }] },
]);

function showNumbers(row) {
  const { counts } = row;
  const rows = [
    ["Iterator age", row.iterator_age_ms > 0 ? span(row.iterator_age_ms) : "none", row.iterator_age_ms > 0 ? "the oldest" : "nothing waits"],
    ["Behind", number(row.lag_records), "records"],
    ["Delivered", number(counts.delivered), `in ${number(counts.calls)} calls`],
    ["Errors", number(counts.errors), "calls", counts.errors > 0 ? "bad" : ""],
    ["Filtered out", number(counts.filtered)],
    ["Given up", number(counts.given_up), "", counts.given_up > 0 ? "bad" : ""],
    ["Parked now", number(counts.parked_now), counts.parked > 0 ? `${number(counts.parked)} ever` : "", counts.parked_now > 0 ? "warn" : ""],
    ["Dead letters", number(counts.dead_letters), "", counts.dead_letters > 0 ? "warn" : ""],
  ];
  if (counts.throttles > 0) rows.push(["No room", number(counts.throttles), "calls", "warn"]);
  if (counts.lost > 0) rows.push(["Lost", number(counts.lost), "positions", "bad"]);
  showFigures(id("figures"), rows);
}

function settings(row) {
  const code = (text) => el("code", { text });
  const is = row.settings;
  const link = (href, text) => el("a", { href, text });
  const rows = [
    ["Function", link(functionPage(row.function), row.function)],
    ["Source", row.source.table ? el("span", {}, link(tablePage(row.source.table), row.source.table), " ", code(row.source.arn)) : code(row.source.arn)],
    ["Started at", row.starting],
    ["Last result", row.last_result],
    ["Batch", `at most ${number(is.batch_size)} records${is.batching_window_s > 0 ? `, waits up to ${seconds(is.batching_window_s)} for them` : ""}`],
    ["At once", is.parallelization === 1 ? "one batch for each shard" : `${is.parallelization} batches for each shard, in order for each item`],
    ["Retries", is.retry_attempts === null ? "as long as records are kept" : `${number(is.retry_attempts)} attempts`],
    ["Record age", is.record_age_s === null ? "no limit" : `at most ${seconds(is.record_age_s)}`],
    ["Failing batches", is.bisect ? "are halved" : "are tried again whole"],
    ["Answers", is.report_item_failures ? "may name the records that failed" : "are not looked at"],
    ["Windows", is.tumbling_window_s > 0 ? `tumbling, ${seconds(is.tumbling_window_s)}` : "none"],
    ["Filters", is.filters.length > 0 ? el("pre", { text: is.filters.join("\n") }) : "none: every record is wanted"],
    ["On failure", is.on_failure ? code(is.on_failure) : "nobody is told"],
    ["Quarantine", is.quarantine ? `at most ${number(is.quarantine.records)} records, ${bytes(is.quarantine.bytes)}` : "off"],
    ["Created", new Date(row.created_ms).toLocaleString()],
    ["Changed", new Date(row.changed_ms).toLocaleString()],
    ["UUID", el("span", {}, code(row.uuid), " ", el("button", { class: "copy", type: "button", "data-copy": row.uuid, text: "Copy" }))],
  ];
  return rows;
}

function showRoom(row) {
  const bound = row.settings.quarantine;
  const parked = row.counts.parked_now;
  id("quarantine-fill").hidden = bound === null;
  if (bound) {
    const part = Math.min(1, parked / bound.records);
    id("quarantine-bar").setAttribute("aria-valuenow", Math.round(part * 100));
    id("quarantine-bar").firstElementChild.style.setProperty("--part", part);
    mark(id("quarantine-bar"), "tone", row.quarantine_full ? "bad" : "warn");
  }
  say(id("quarantine-count"), bound ? `${number(parked)} of at most ${number(bound.records)} records` : "");
  const note = bound === null && parked === 0 ? "Off: a record that fails holds up its shard until it is given up."
    : parked === 0 ? "Nothing is parked. A record that fails is put aside with the later ones of its key; the others go on." : "";
  id("quarantine-note").hidden = note === "";
  say(id("quarantine-note"), note);
}

const parkedSaid = saying(id("parked-said"));

function newParked(key) {
  const parts = { head: el("span", { class: "soft" }), pending: el("span", { class: "word", "data-tone": "warn", hidden: true, text: "asked for" }), error: el("p", { class: "why" }), records: el("ol", { class: "records" }), more: el("p", { class: "empty", hidden: true }) };
  const act = (what) => async () => {
    const answer = await post(`${api}/quarantine/${encodeURIComponent(key.id)}/${what}`);
    await readQuarantine();
    return answer.done;
  };
  const button = (text, label, kind = "") => el("button", { type: "button", class: kind, text, "aria-label": `${label} ${key.key}` });
  const [retry, drop] = [button("Retry", "Call the function again with the records of"), button("Drop", "Give up the first record of", "danger")];
  pressing(retry, act("retry"), parkedSaid);
  pressing(drop, act("drop"), parkedSaid, "Really drop it?");
  parts.hands = el("div", { class: "row" }, retry, drop);
  const element = el("li", { "data-parked": key.id }, el("div", { class: "parked-head" }, el("b", { text: key.key }), parts.head, parts.pending, parts.hands), parts.error, parts.records, parts.more);
  return Object.assign(element, { parts });
}

function newRecord(record, at) {
  const tryIt = el("button", { type: "button", class: "copy", text: "Try in the invoke form" });
  tryIt.addEventListener("click", () => {
    try { sessionStorage.setItem("streamfold-payload", `{"Records":[${record.event}]}`); } catch { return; }
    location.href = functionPage(latest.trigger.function);
  });
  const text = el("pre", { tabindex: 0, text: indented(record.event) });
  const name = JSON.parse(record.event).eventName ?? "record";
  const summary = el("summary", {}, el("span", { class: "soft", text: `${at === 0 ? "failed" : "waits"}, position ${number(record.seq)}, ` }), name);
  return el("li", {}, el("details", { open: at === 0 }, summary, text, el("div", { class: "row" }, el("button", { type: "button", class: "copy", "data-copy": record.event, text: "Copy" }), latest.hands ? tryIt : "")));
}

function showParked(keys) {
  keyed(id("parked"), keys, (key) => key.id, newParked, ({ parts }, key) => {
    const later = key.records.length + key.records_more - 1;
    const waits = later === 0 ? "" : `, ${number(later)} ${later === 1 ? "waits" : "wait"} behind it`;
    say(parts.head, `${key.shard}, parked ${ago(now() - key.parked_ms)} ago after ${number(key.attempts)} ${key.attempts === 1 ? "attempt" : "attempts"}${waits}`);
    parts.pending.hidden = !key.pending;
    parts.hands.hidden = !latest.hands;
    say(parts.error, key.error);
    keyed(parts.records, key.records.map((record, at) => ({ record, at })), ({ record, at }) => `${record.seq} ${at === 0}`,
      ({ record, at }) => newRecord(record, at), () => {});
    parts.more.hidden = key.records_more === 0;
    say(parts.more, `and ${number(key.records_more)} more of this key`);
  });
}

/** Reads the pages that are shown once more. */
async function readQuarantine() {
  try {
    const keys = [];
    let next = null;
    for (const after of starts) {
      const response = await fetch(`${api}/quarantine${after === null ? "" : `?after=${encodeURIComponent(after)}`}`);
      const page = await response.json();
      if (!response.ok) throw new Error(page.error);
      keys.push(...page.keys);
      next = page.next;
    }
    showParked(keys);
    const more = id("parked-more");
    more.hidden = next === null;
    more.onclick = () => { starts.push(next); readQuarantine(); };
  } catch (error) {
    parkedSaid(`The quarantine could not be read: ${error.message}`, true);
  }
}

function show(frame) {
  const gone = frame.gone ? "This trigger is no longer there." : "";
  id("alarm").hidden = gone === "";
  say(id("alarm"), gone);
  if (gone) return;
  latest = frame;
  received = performance.now();
  const row = frame.trigger;
  showAlarms(frame.alarms);
  showWord(id("state"), row.doing);
  say(id("about"), `${row.state}, ${row.uuid}`);
  say(id("back"), row.function);
  id("back").href = functionPage(row.function);
  id("hands").hidden = !frame.hands;
  say(id("pause"), row.enabled ? "Pause" : "Resume");
  showNumbers(row);
  charts.charts[3].hidden = row.settings.quarantine === null;
  charts.update(frame.history);
  id("no-lanes").hidden = row.lanes.length > 0;
  id("lanes").closest(".scroll").hidden = row.lanes.length === 0;
  say(id("lanes-count"), row.lanes_count > row.lanes.length ? `${row.lanes.length} of ${number(row.lanes_count)}` : "");
  showLanes(id("lanes"), row.lanes, now());
  showRoom(row);
  showSettings(id("settings"), settings(row));
  const parked = `${row.counts.parked} ${row.counts.parked_now}`;
  if (parked !== readAt) { readAt = parked; readQuarantine(); }
}

pressing(id("pause"), async () => (await post(`${api}/${latest.trigger.enabled ? "pause" : "resume"}`)).done, saying(id("hands-note")));
copying();
follow(`${triggerPage(uuid)}/feed`, show);
