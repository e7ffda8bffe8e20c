// One execution of an export: its steps, what the delta found, why it is held and with which rows, its files.

import { follow } from "./live.js";
import { bytes, copying, el, keyed, mark, number, say } from "./format.js";
import { cells, showFigures, showSettings, tablePage } from "./rows.js";
import { executionPage, isToDecide, newDecision, percent, showDecision, showStatus, showSteps, times } from "./executions.js";

const id = (name) => document.getElementById(name);
const name = document.body.dataset.name;
const cut = name.lastIndexOf("/");
let latest = null;
let received = 0;
const now = () => latest.at + performance.now() - received;
let decision = null;

say(id("table"), name.slice(0, cut));
say(id("version"), name.slice(cut + 1));

function showNumbers(row) {
  const found = row.statistics;
  id("figures").hidden = found === null;
  if (found === null) return;
  const part = found.previous_rows > 0 ? `${(found.deletes / found.previous_rows * 100).toFixed(1).replace(/\.0$/, "")}\u202f% of the rows` : "";
  const of = (count, to) => (to === null ? "there is none" : `of ${number(found.inserts + found.updates + found.deletes)}`);
  showFigures(id("figures"), [
    ["Rows before", number(found.previous_rows)],
    ["Rows", number(found.next_rows), bytes(found.bytes)],
    ["INSERT", number(found.inserts)],
    ["UPDATE", number(found.updates)],
    ["DELETE", number(found.deletes), part, row.status === "HELD" && found.deletes > 0 ? "warn" : ""],
    ["Unchanged", number(found.unchanged)],
    ["Published", number(row.published), of(row.published, row.stream)],
    ["Applied", number(row.applied), of(row.applied, row.target)],
  ]);
}

function showProgress(row) {
  const progress = row.status === "RUNNING" ? row.progress : null;
  id("bar").hidden = progress === null;
  say(id("progress-text"), progress === null ? "" : `${percent(progress)}: ${progress.unit === "bytes" ? `${bytes(progress.done)} of ${bytes(progress.total)}` : `${number(progress.done)} of ${number(progress.total)} ${progress.unit}`}`);
  if (progress === null) return;
  const part = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
  id("bar").setAttribute("aria-valuenow", Math.round(part * 100));
  id("bar").firstElementChild.style.setProperty("--part", part);
}

function showWhy(row) {
  const titles = { HELD: "Held: nothing of it is published", FAILED: "Failed", RUNNING: "Under way", QUEUED: "Queued", WAITING: "Waits for files", REFUSED: "Refused", REJECTED: "Rejected" };
  id("decide-section").hidden = !isToDecide(row, latest.hands);
  say(id("decide-title"), titles[row.status] ?? row.status);
  if (decision === null) { decision = newDecision(row); id("decide").append(decision); }
  showDecision(decision, row, latest.hands);
}

function newFile(file) {
  const shown = cells([["key", "Object", "name"], ["size", "Size", "n"], ["etag", "ETag"]]);
  say(shown.key, file.key);
  return Object.assign(el("tr", {}, ...Object.values(shown)), { shown });
}

function facts(row) {
  const at = (ms) => (ms === null ? "not yet" : new Date(ms).toLocaleString());
  const link = (table) => el("a", { href: tablePage(table), text: table });
  const rows = [
    ["Starts from", row.previous ? el("a", { href: executionPage(`${row.table}/${row.previous}`), text: row.previous }) : "nothing: every row is an INSERT"],
    ["Columns", row.columns.length > 0 ? row.columns.join(", ") : "not read yet"],
    ["Registered", at(row.registered_ms)],
    ["Started", at(row.started_ms)],
    ["Ended", at(row.ended_ms)],
    ["Stream", row.stream ?? "none"],
    ["Target", row.target ? link(row.target) : "none"],
  ];
  if (row.added.length > 0) rows.splice(2, 0, ["Columns that came", row.added.join(", ")]);
  if (row.dropped.length > 0) rows.splice(2, 0, ["Columns that went", row.dropped.join(", ")]);
  if (row.released) rows.push(["Released", "by a person"]);
  if (row.ignored > 0) rows.push(["Arrived again", `${number(row.ignored)} times, the same bytes`]);
  if (latest.binding) rows.push(["Registry", link(latest.binding.registry)]);
  return rows;
}

function show(frame) {
  const wrong = frame.gone ? "There is no such execution." : frame.trouble ? `The execution cannot be read: ${frame.trouble}` : "";
  id("alarm").hidden = wrong === "";
  say(id("alarm"), wrong);
  if (wrong) return;
  latest = frame;
  received = performance.now();
  const row = frame.execution;
  showStatus(id("state"), row);
  say(id("about"), times(row, now()));
  showSteps(id("steps"), row, now());
  showProgress(row);
  showWhy(row);
  showNumbers(row);
  keyed(id("files"), row.files, (file) => file.key, newFile, ({ shown }, file) => { say(shown.size, bytes(file.size)); say(shown.etag, file.etag); mark(shown.etag, "tone", "soft"); });
  showSettings(id("settings"), facts(row));
}

setInterval(() => {
  if (!latest || document.hidden) return;
  say(id("about"), times(latest.execution, now()));
  showSteps(id("steps"), latest.execution, now());
}, 1000);
copying();
follow(`${executionPage(name)}/feed`, show);
