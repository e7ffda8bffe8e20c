// All functions and triggers: each with its last hour, live.

import { follow } from "./live.js";
import { el, keyed, mark, number, say } from "./format.js";
import { cells, functionPage, functionWord, newProcesses, share, showAlarms, showCount, showProcesses, showTriggers, showWord, span } from "./rows.js";
import { Spark } from "./chart.js";

const id = (name) => document.getElementById(name);

function newFunction(row) {
  const shown = cells([["name", "Name", "name"], ["hour", "The last hour"], ["minute", "Last minute", "n"], ["invocations", "Invocations", "n"],
    ["errors", "Errors", "n"], ["p50", "Median", "n"], ["p99", "p99", "n"], ["processes", "Processes"], ["age", "Oldest record", "n"]]);
  const [word, runtime, spark, processes] = [el("span", { class: "word" }), el("span", { class: "soft" }), new Spark(), newProcesses()];
  shown.name.append(el("a", { href: functionPage(row.name), text: row.name }), el("div", { class: "below" }, word, runtime));
  shown.hour.append(spark.element);
  shown.processes.append(processes);
  return Object.assign(el("tr", { "data-function": row.name }, ...Object.values(shown)), { shown, word, runtime, spark, processes });
}

function showFunction(element, row) {
  const { shown } = element;
  showWord(element.word, ...functionWord(row));
  say(element.runtime, row.runtime);
  element.spark.update(row.minutes);
  say(shown.minute, row.last_minute.invocations > 0 ? number(row.last_minute.invocations) : "\u2013");
  mark(shown.minute, "tone", row.last_minute.invocations > 0 ? "" : "soft");
  say(shown.invocations, number(row.invocations));
  showCount(shown.errors, row.errors, "bad");
  shown.errors.title = `${share(row.errors, row.invocations)} of all; ${number(row.timeouts)} timed out, ${number(row.throttles)} found no room`;
  const ran = row.duration_ms.count > 0;
  say(shown.p50, ran ? span(row.duration_ms.p50) : "\u2013");
  say(shown.p99, ran ? span(row.duration_ms.p99) : "\u2013");
  showProcesses(element.processes, row);
  say(shown.age, row.age_ms > 0 ? span(row.age_ms) : "\u2013");
  mark(shown.age, "tone", row.age_ms > 0 ? "" : "soft");
}

follow("/feed/functions", (frame) => {
  showAlarms(frame.alarms);
  id("no-functions").hidden = frame.functions.length > 0;
  id("functions").closest(".scroll").hidden = frame.functions.length === 0;
  keyed(id("functions"), frame.functions, (row) => row.name, newFunction, showFunction);
  const cut = frame.functions_count > frame.functions.length;
  id("functions-count").hidden = !cut;
  say(id("functions-count"), cut ? `The first ${frame.functions.length} of ${number(frame.functions_count)} functions.` : "");
  showTriggers(frame.triggers, frame.triggers_count);
});
