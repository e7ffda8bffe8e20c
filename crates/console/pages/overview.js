// The overview: engine, dashboards, views, functions, triggers, schedules, exports, buckets, tables, requests; each frame is the whole state.

import { follow } from "./live.js";
import { ago, behind, bytes, copying, el, keyed, mark, number, say } from "./format.js";
import { derived, newState, showState } from "./indexes.js";
import { newExported, showExported } from "./executions.js";
import {
  cells, functionPage, functionWord, lastRun, newBucket, newProcesses, showAlarms, showBucket, showCount, showProcesses, showTriggers, showWord, span, until,
} from "./rows.js";

const id = (name) => document.getElementById(name);
let latest = null;
let received = 0;

/** The database's clock, carried on by ours between frames. */
const now = () => latest.at + performance.now() - received;

function figure(name) {
  const value = el("span", { class: "figure" });
  return Object.assign(el("div", {}, el("p", { class: "kicker", text: name }), value), { value });
}

function showEngine() {
  const engine = latest.engine;
  const behind = BigInt(engine.head) - BigInt(engine.synced);
  const rows = [
    ["Position", number(engine.head)],
    ["On disk", behind <= 0n ? "all of it" : `${number(behind)} behind`],
    ["Writes", number(engine.writes)],
    ["Log", bytes(engine.log_bytes)],
    ["State", bytes(engine.state_bytes)],
    ["Buffers and caches", bytes(engine.memory_bytes)],
    ["Up for", ago(now() - engine.started_ms)],
  ];
  keyed(id("engine"), rows, ([name]) => name, ([name]) => figure(name), (element, [, text]) => say(element.value, text));
  const stopped = latest.views.filter((view) => view.phase.name === "stopped").map((view) => `The view ${view.table} has stopped: ${view.phase.why}`);
  const poisoned = engine.poisoned ? [`The database takes no more writes until it is restarted: ${engine.poisoned}`] : [];
  alarm([...poisoned, ...stopped].join("\n"));
}

function alarm(text) {
  id("alarm").hidden = text === "";
  say(id("alarm"), text);
}

function newView(view) {
  const parts = {
    phase: el("span", { class: "phase" }),
    from: el("span", { class: "from" }),
    bar: el("i"),
    why: el("p", { class: "why", hidden: true }),
    facts: el("p", { class: "facts" }),
    sql: el("pre"),
    summary: el("summary"),
    reasons: el("ul", { class: "skips" }),
    samples: el("ul", { class: "samples" }),
  };
  parts.progress = el("div", { class: "progress", role: "progressbar", "aria-label": "Filling", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, parts.bar);
  parts.details = el("details", { hidden: true }, parts.summary, parts.reasons, parts.samples);
  const link = el("a", { href: `/tables/${encodeURIComponent(view.table)}`, text: view.table });
  const element = el("article", { class: "view", "data-view": view.table }, el("h3", {}, link, parts.from, parts.phase),
    parts.progress, parts.why, parts.facts, parts.sql, parts.details);
  return Object.assign(element, { parts });
}

function showView(element, view) {
  const { parts } = element;
  const { name, done, total, why } = view.phase;
  const percent = name === "backfill" && total > 0 ? Math.min(100, Math.floor(done / total * 100)) : 0;
  mark(parts.phase, "phase", name);
  say(parts.phase, name === "backfill" ? `filling, ${percent}\u202f%` : name === "stopped" ? "stopped" : behind(view));
  say(parts.from, `from ${view.source}`);
  parts.progress.hidden = name !== "backfill";
  parts.progress.setAttribute("aria-valuenow", percent);
  parts.bar.style.setProperty("--part", percent / 100);
  parts.why.hidden = name !== "stopped";
  say(parts.why, why ?? "");
  const facts = [[view.groups, "groups"], [view.folded, "changes folded"], [view.lag, "positions behind"]];
  if (name === "backfill") facts.push([`${number(done)} of ${number(total)}`, "items read"]);
  keyed(parts.facts, facts, ([, what]) => what, () => el("span", {}, el("b"), " "), (span, [count, what]) => {
    say(span.firstChild, typeof count === "string" ? count : number(count));
    if (span.childNodes.length < 3) span.append(what);
  });
  say(parts.sql, view.sql.trim());
  const skipped = view.skipped.reduce((sum, one) => sum + one.count, 0);
  parts.details.hidden = skipped === 0;
  say(parts.summary, `${number(skipped)} skipped`);
  keyed(parts.reasons, view.skipped, (one) => one.reason, () => el("li", {}, el("b"), " "), (row, one) => {
    say(row.firstChild, number(one.count));
    if (row.childNodes.length < 3) row.append(one.reason);
  });
  keyed(parts.samples, view.samples, (one) => `${one.seq} ${one.key} ${one.reason}`,
    (one) => el("li", {}, el("code", { text: one.key }), ` ${one.reason}${one.seq ? `, at ${number(one.seq)}` : ""}`), () => {});
}

function newTable(table) {
  const cell = (name) => el("td", { class: name });
  const shown = { items: cell("n"), size: cell("n"), stream: cell("soft"), print: el("td"), changed: cell("n soft") };
  const copy = el("button", { class: "copy", type: "button", title: "Copy the whole fingerprint" });
  shown.print.append(copy);
  const name = el("td", { class: "name" }, el("a", { href: `/tables/${encodeURIComponent(table.name)}`, text: table.name }));
  if (table.view) name.append(el("span", { class: "tag", text: "view" }));
  const key = table.key.map((attribute) => `${attribute.name} ${attribute.type}`).join(", ");
  const row = el("tr", { "data-table": table.name }, name, el("td", { class: "soft", text: key }), shown.items, shown.size, shown.stream, shown.print, shown.changed);
  return Object.assign(row, { shown, copy });
}

function showTable(row, table) {
  say(row.shown.items, number(table.items));
  say(row.shown.size, bytes(table.bytes));
  say(row.shown.stream, table.stream ?? "off");
  row.copy.dataset.copy = table.fingerprint;
  if (row.copy.textContent !== "Copied") say(row.copy, table.fingerprint.slice(0, 8));
  row.changedMs = table.changed_ms;
  row.changed = table.changed;
}

function newFunction(row) {
  const shown = cells([["name", "Name", "name"], ["runtime", "Runtime", "soft"], ["invocations", "Invocations", "n"], ["errors", "Errors", "n"],
    ["p50", "Median", "n"], ["p99", "p99", "n"], ["processes", "Processes"]]);
  const [word, processes] = [el("span", { class: "word" }), newProcesses()];
  shown.name.append(el("a", { href: functionPage(row.name), text: row.name }), word);
  shown.processes.append(processes);
  return Object.assign(el("tr", { "data-function": row.name }, ...Object.values(shown)), { shown, word, processes });
}

function showFunctions() {
  const rows = latest.functions;
  id("functions-section").hidden = rows.length === 0;
  say(id("functions-count"), latest.functions_count > rows.length ? `the first ${rows.length} of ${number(latest.functions_count)}` : "");
  keyed(id("functions"), rows, (row) => row.name, newFunction, ({ shown, word, processes }, row) => {
    word.hidden = row.init_error === null;
    showWord(word, ...functionWord(row));
    say(shown.runtime, row.runtime);
    say(shown.invocations, number(row.invocations));
    showCount(shown.errors, row.errors, "bad");
    const ran = row.duration_ms.count > 0;
    say(shown.p50, ran ? span(row.duration_ms.p50) : "\u2013");
    say(shown.p99, ran ? span(row.duration_ms.p99) : "\u2013");
    showProcesses(processes, row);
  });
}

function newSchedule(row) {
  const shown = cells([["name", "Name", "name"], ["when", "When", "soft"], ["to", "Calls"], ["next", "Next run", "n"], ["last", "Last run"]]);
  shown.name.append(el("a", { href: "/schedules", text: row.name }));
  shown.when.append(el("code", { text: row.expression }));
  shown.to.append(el("a", { href: functionPage(row.function), text: row.function }));
  const word = el("span", { class: "word" });
  shown.last.append(word);
  return Object.assign(el("tr", { "data-schedule": row.name }, ...Object.values(shown)), { shown, word });
}

function showSchedules() {
  const rows = latest.schedules;
  id("schedules-section").hidden = rows.length === 0;
  say(id("schedules-count"), latest.schedules_count > rows.length ? `the first ${rows.length} of ${number(latest.schedules_count)}` : "");
  keyed(id("schedules"), rows, (row) => `${row.name} ${row.expression} ${row.function}`, newSchedule, ({ shown, word }, row) => {
    say(shown.next, row.next_ms.length > 0 ? until(row.next_ms[0] - now()) : row.enabled ? "over" : "disabled");
    mark(shown.next, "tone", row.next_ms.length > 0 ? "" : "soft");
    showWord(word, ...lastRun(row, now()));
  });
}

function showBuckets() {
  const rows = latest.buckets;
  id("buckets-section").hidden = rows.length === 0;
  say(id("buckets-count"), latest.buckets_count > rows.length ? `the first ${rows.length} of ${number(latest.buckets_count)}` : "");
  keyed(id("buckets"), rows, (row) => row.name, newBucket, showBucket);
}

function showExports() {
  const rows = latest.exports;
  id("exports-section").hidden = rows.length === 0;
  say(id("exports-count"), latest.exports_count > rows.length ? `the first ${rows.length} of ${number(latest.exports_count)}` : "");
  keyed(id("exports"), rows, (row) => row.table, newExported, (element, row) => showExported(element, row, now()));
}

/** Below its table: an index, or what expires. */
function newDerived(row) {
  const cell = (name) => el("td", { class: name });
  const shown = { items: cell("n"), size: cell("n"), state: newState() };
  const name = el("td", { class: "name" }, row.name, el("span", { class: "tag", text: row.kind }));
  const line = el("tr", { class: "derived", "data-index": row.name }, name, el("td", { class: "soft", text: row.key }), shown.items, shown.size, el("td", { colspan: 3 }, shown.state));
  return Object.assign(line, { shown });
}

function showDerived(line, row) {
  say(line.shown.items, number(row.items));
  say(line.shown.size, row.bytes === null ? "" : bytes(row.bytes));
  showState(line.shown.state, row.fill, row.carries);
}

function showTables(tables) {
  const rows = tables.flatMap((table) => [{ id: `table ${table.name}`, table }, ...derived(table).map((row) => ({ id: `table ${table.name} ${row.id}`, row }))]);
  keyed(id("tables"), rows, (one) => one.id, ({ table, row }) => (table ? newTable(table) : newDerived(row)),
    (element, { table, row }) => (table ? showTable(element, table) : showDerived(element, row)));
}

function showTimes() {
  if (!latest) return;
  for (const row of id("tables").querySelectorAll("[data-table]")) {
    say(row.shown.changed, row.changedMs ? ago(now() - row.changedMs) : row.changed ? `at ${number(row.changed)}` : "never");
  }
  showEngine();
  showSchedules();
  showExports();
}

function showRequests() {
  const rows = [...latest.requests].filter((row) => row.count > 0).sort((left, right) => right.count - left.count);
  id("requests-section").hidden = rows.length === 0;
  const create = (row) => {
    const [count, errors] = [el("td", { class: "n" }), el("td", { class: "n" })];
    return Object.assign(el("tr", {}, el("td", { text: row.operation }), count, errors), { count, errors });
  };
  keyed(id("requests"), rows, (row) => row.operation, create, (element, row) => {
    say(element.count, number(row.count));
    say(element.errors, row.errors > 0 ? number(row.errors) : "\u2013");
    element.errors.className = row.errors > 0 ? "n bad" : "n soft";
  });
}

function show(frame) {
  if (frame.error) { alarm(frame.error); return; }
  latest = frame;
  received = performance.now();
  id("dashboards-section").hidden = frame.dashboards.length === 0;
  keyed(id("dashboards"), frame.dashboards, (one) => one.name,
    (one) => el("li", {}, el("a", { href: `/dashboards/${encodeURIComponent(one.name)}`, text: one.title })), () => {});
  id("views-section").hidden = frame.views.length === 0;
  keyed(id("views"), frame.views, (view) => view.table, newView, showView);
  showAlarms(frame.alarms);
  showFunctions();
  showBuckets();
  showTriggers(frame.triggers, frame.triggers_count);
  const cut = frame.tables_count > frame.tables.length;
  say(id("tables-count"), cut ? `the first ${frame.tables.length} of ${number(frame.tables_count)}` : "");
  id("no-tables").hidden = frame.tables.length > 0;
  id("tables").closest(".scroll").hidden = frame.tables.length === 0;
  showTables(frame.tables);
  showTimes();
  showRequests();
  say(id("watchers"), `${frame.watchers.count} of at most ${frame.watchers.max} pages watching`);
}

copying();
setInterval(() => { if (!document.hidden) showTimes(); }, 1000);
follow("/feed", show);
