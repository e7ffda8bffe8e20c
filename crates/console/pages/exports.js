// Exports: what waits for a person first, then executions with their steps, tables, and where exports arrive.

import { follow } from "./live.js";
import { el, keyed, mark, number, say } from "./format.js";
import { showFigures, showSettings, tablePage } from "./rows.js";
import { changes, executionPage, newDecision, newExported, showDecision, showStatus, showSteps, showExported, times } from "./executions.js";

const id = (name) => document.getElementById(name);
let latest = null;
let received = 0;
const now = () => latest.at + performance.now() - received;

const decides = (row) => row.status === "HELD" || row.status === "FAILED";

function showNumbers() {
  const count = (what) => latest.tables.reduce((sum, row) => sum + row[what].length, 0);
  const running = latest.tables.filter((row) => row.running !== null).length;
  const [held, failed, queued] = [count("held"), count("failed"), count("queued")];
  const { counts } = latest;
  const rows = [
    ["Running", number(running)],
    ["Queued", number(queued), count("waiting") > 0 ? `${number(count("waiting"))} wait for files` : ""],
    ["Held", number(held), "", held > 0 ? "warn" : ""],
    ["Failed", number(failed), "", failed > 0 ? "bad" : ""],
    ["Imported", number(counts.succeeded), "since the start"],
    ["Published", number(counts.published), "operations"],
    ["Applied", number(counts.applied), "operations"],
  ];
  if (counts.refused > 0) rows.push(["Refused", number(counts.refused), "arrivals", "warn"]);
  if (counts.misplaced > 0) rows.push(["Misplaced", number(counts.misplaced), "objects", "warn"]);
  showFigures(id("figures"), rows);
}

function newExecution(row) {
  const parts = {
    word: el("span", { class: "word" }), when: el("span", { class: "when" }), steps: el("ol", { class: "steps" }),
    changes: el("p", { class: "changes" }), why: el("p", { class: "why", hidden: true }),
  };
  const link = el("a", { href: executionPage(row.name) }, el("span", { class: "soft", text: `${row.table} ` }), row.version);
  return Object.assign(el("article", { class: "execution", "data-execution": row.name },
    el("h3", {}, link, parts.word, parts.when), parts.steps, parts.changes, parts.why), { parts });
}

function showExecution({ parts }, row) {
  showStatus(parts.word, row);
  showSteps(parts.steps, row, now());
  say(parts.changes, changes(row.statistics));
  parts.changes.hidden = row.statistics === null;
  const why = row.status === "HELD" ? (row.hold?.reasons ?? []).join(" \u00b7 ") : row.error ?? "";
  parts.why.hidden = why === "" || row.status === "SUCCEEDED";
  say(parts.why, why);
  say(parts.when, times(row, now()));
}

function newToDecide(row) {
  const element = newExecution(row);
  const decision = newDecision(row);
  element.append(decision);
  return Object.assign(element, { decision });
}

function showToDecide(element, row) {
  showExecution(element, row);
  element.parts.why.hidden = true;
  showDecision(element.decision, row, latest.hands);
}

function newBinding(row) {
  const list = el("dl", { class: "settings" });
  return Object.assign(el("article", { class: "binding", "data-binding": row.name }, el("h3", {}, el("code", { text: `s3://${row.bucket}/${row.prefix}TENANT/TABLE/VERSION/` })), list), { list });
}

function showBinding({ list }, row) {
  const link = (name) => el("a", { href: tablePage(name), text: name });
  showSettings(list, [
    ["Key", row.key.join(", ")],
    ["Stream", row.stream ?? "none: nothing is published"],
    ["Target", row.target ? link(row.target) : "none: nothing is applied"],
    ["Numbers", row.numbers.length > 0 ? row.numbers.join(", ") : "none: every column is a text"],
    ["Brake", row.brake],
    ["A version is complete", row.complete],
    ["Registry", link(row.registry)],
  ]);
}

function show(frame) {
  latest = frame;
  received = performance.now();
  id("alarm").hidden = frame.trouble === null;
  say(id("alarm"), frame.trouble === null ? "" : `The executions cannot be read: ${frame.trouble}`);
  showNumbers();
  const waiting = frame.executions.filter(decides);
  id("decide-section").hidden = waiting.length === 0;
  say(id("decide-count"), waiting.length > 1 ? number(waiting.length) : "");
  keyed(id("decide"), waiting, (row) => row.name, newToDecide, showToDecide);
  keyed(id("executions"), frame.executions.filter((row) => !decides(row)), (row) => row.name, newExecution, showExecution);
  id("no-executions").hidden = frame.executions.length > 0;
  id("tables-section").hidden = frame.tables.length === 0;
  say(id("tables-count"), frame.tables_count > frame.tables.length ? `the first ${frame.tables.length} of ${number(frame.tables_count)}` : "");
  keyed(id("tables"), frame.tables, (row) => row.table, newExported, (element, row) => showExported(element, row, now()));
  id("no-bindings").hidden = frame.bindings.length > 0;
  keyed(id("bindings"), frame.bindings, (row) => row.name, newBinding, showBinding);
  mark(id("executions"), "loaded", "true");
}

/** What moves with the clock alone. */
setInterval(() => {
  if (!latest || document.hidden) return;
  for (const row of latest.executions) {
    for (const list of ["decide", "executions"]) {
      const element = id(list).kept?.get(row.name);
      if (element) { showSteps(element.parts.steps, row, now()); say(element.parts.when, times(row, now())); }
    }
  }
}, 1000);
follow("/feed/exports", show);
