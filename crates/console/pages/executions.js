// What the pages of exports share: words for states, steps as chips, what a person is to decide about and with which rows
// before the eyes.

import { ago, el, keyed, mark, number, say } from "./format.js";
import { cells, showCount, showWord, span } from "./rows.js";
import { post, pressing, saying } from "./act.js";

export const STEPS = ["register", "lock", "delta", "publish", "apply", "release"];
export const executionPage = (name) => `/exports/${name.split("/").map(encodeURIComponent).join("/")}`;

const STATES = {
  WAITING: ["waits for files", "soft"], QUEUED: ["queued", "soft"], RUNNING: ["running", "good"], HELD: ["held", "warn"],
  FAILED: ["failed", "bad"], REJECTED: ["rejected", "soft"], REFUSED: ["refused", "warn"], SUCCEEDED: ["succeeded", "good"],
};
const OUTCOMES = { RUNNING: "good", SUCCEEDED: "good", SKIPPED: "soft", HELD: "warn", FAILED: "bad" };

/** Shows the status of an execution. */
export function showStatus(word, row) {
  const [text, tone] = STATES[row.status] ?? [row.status.toLowerCase(), "soft"];
  showWord(word, row.status === "RUNNING" && row.progress ? `${text}, ${percent(row.progress)}` : text, tone);
}

/** How much of a whole, in words. */
export function percent(progress) {
  if (progress.total === 0) return "0\u202f%";
  return `${Math.min(100, Math.floor(progress.done / progress.total * 100))}\u202f%`;
}

/** What a delta came to, in one line. */
export function changes(found) {
  if (!found) return "";
  const parts = [[found.inserts, "inserted"], [found.updates, "updated"], [found.deletes, "deleted"], [found.unchanged, "unchanged"]];
  return parts.filter(([count], at) => count > 0 || at < 3).map(([count, what]) => `${number(count)} ${what}`).join(", ");
}

/** What a step has to say besides how long it took. */
function said(row, step) {
  const found = row.statistics;
  if (step === "delta" && found) return `+${number(found.inserts)} ~${number(found.updates)} \u2212${number(found.deletes)}`;
  if (step === "publish" && row.published > 0) return number(row.published);
  if (step === "apply" && row.applied > 0) return number(row.applied);
  return "";
}

function newStep(name) {
  const parts = { took: el("span", { class: "took" }), said: el("span", { class: "said" }) };
  return Object.assign(el("li", { "data-step": name }, el("b", { text: name }), parts.took, parts.said), { parts });
}

/** Fills a list with a chip for each step; those to come are there, too. */
export function showSteps(list, row, now) {
  keyed(list, STEPS, (name) => name, newStep, (chip, name) => {
    const step = row.steps.find((step) => step.name === name);
    mark(chip, "tone", step ? OUTCOMES[step.outcome] ?? "soft" : "none");
    mark(chip, "outcome", step?.outcome ?? "");
    const took = !step ? "" : step.outcome === "SKIPPED" ? "skipped" : span(Math.max(0, (step.ended_ms ?? now) - step.started_ms));
    say(chip.parts.took, step?.outcome === "RUNNING" && row.progress ? `${took}, ${percent(row.progress)}` : took);
    say(chip.parts.said, said(row, name));
    chip.title = step ? `${name}: ${step.outcome.toLowerCase()}${step.error ? `, ${step.error}` : ""}` : `${name}: to come`;
  });
}

/** When an execution ended or began, and how long it took. */
export function times(row, now) {
  const past = (ms) => { const said = ago(now - ms); return said === "now" ? "just now" : `${said} ago`; };
  if (row.ended_ms !== null) return `${past(row.ended_ms)}${row.started_ms === null ? "" : `, took ${span(row.ended_ms - row.started_ms)}`}`;
  return row.started_ms === null ? `registered ${past(row.registered_ms)}` : `for ${span(Math.max(0, now - row.started_ms))}`;
}

/** Columns of the rows in question, in the order in which they are met. */
function columns(sample) {
  const names = new Map();
  for (const row of sample) {
    for (const [name] of row.key) names.set(name, true);
    for (const [name] of row.row) if (!names.has(name)) names.set(name, false);
  }
  return [...names.keys()];
}

function sampleRow(row, names) {
  const tone = { INSERT: "good", UPDATE: "warn", DELETE: "bad" }[row.operation];
  const values = new Map([...row.row, ...row.key]);
  const cell = (name) => el("td", { class: row.key.some(([key]) => key === name) ? "key" : "", text: values.get(name) ?? "" });
  return el("tr", {}, el("td", { "data-tone": tone, text: row.operation }), ...names.map(cell));
}

/** Some operations as a table. */
function sampleTable(sample) {
  const names = columns(sample);
  const head = el("tr", {}, el("th", { text: "Operation" }), ...names.map((name) => el("th", { text: name })));
  return el("table", { class: "grid items sample" }, el("thead", {}, head), el("tbody", {}, ...sample.map((row) => sampleRow(row, names))));
}

/** Whether there is anything to say or to press. */
export const isToDecide = (row, hands) => reasons(row).length > 0 || (hands && decisions(row).length > 0);

function reasons(row) {
  if (row.status === "SUCCEEDED") return [];
  return row.status === "HELD" ? row.hold?.reasons ?? [] : row.error ? [row.error] : [];
}

/** What may be done about an execution: `[what, words, words of a second press]`. */
function decisions(row) {
  if (row.status === "HELD") {
    const release = row.hold?.releasable ? [["release", "Release", "Really publish it?"]] : [];
    return [...release, ["reject", "Reject", "Really reject it?"]];
  }
  if (row.status === "FAILED") return [["retry", "Retry", null], ["reject", "Reject", "Really reject it?"]];
  const early = row.status === "RUNNING" && !row.steps.some((step) => step.name === "publish");
  return early || row.status === "QUEUED" || row.status === "WAITING" ? [["reject", "Cancel", "Really cancel it?"]] : [];
}

function button([what, words, sure], row, tell) {
  const kind = what === "release" ? "main" : what === "reject" ? "danger" : "";
  const made = el("button", { type: "button", class: kind, text: words, "data-decision": what, "aria-label": `${words} ${row.name}` });
  pressing(made, async () => (await post(`/api${executionPage(row.name)}/${what}`)).done, tell, sure);
  return made;
}

/** What there is to decide about an execution: reasons, rows in question, buttons. */
export function newDecision(row) {
  const parts = { why: el("ul", { class: "reasons" }), rows: el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Operations in question" }), more: el("p", { class: "empty" }), hands: el("div", { class: "row" }), note: el("span", { class: "count", role: "status" }) };
  return Object.assign(el("div", { class: "decision" }, parts.why, parts.rows, parts.more, el("div", { class: "row" }, parts.hands, parts.note)), { parts, tell: saying(parts.note), row });
}

export function showDecision(element, row, hands) {
  const { parts } = element;
  keyed(parts.why, reasons(row), (text) => text, (text) => el("li", { text }), (line) => mark(line, "tone", row.status === "HELD" ? "warn" : "bad"));
  const sample = row.status === "HELD" ? row.hold?.sample ?? [] : [];
  keyed(parts.rows, sample.length > 0 ? [sample] : [], (sample) => JSON.stringify(sample), sampleTable, () => {});
  parts.rows.hidden = sample.length === 0;
  const more = row.hold?.sample_more ?? 0;
  parts.more.hidden = sample.length === 0;
  say(parts.more, more > 0 ? `Some of the operations in question; ${number(more)} more are on the execution's page.` : "Some of the operations in question.");
  keyed(parts.hands, hands ? decisions(row) : [], ([what, words]) => `${what} ${words}`, (decision) => button(decision, row, element.tell), () => {});
}

/** A row of the list of tables that exports come of. */
export function newExported(row) {
  const shown = cells([["name", "Table", "name"], ["doing", "Doing"], ["version", "Imported last"], ["when", "When", "n"], ["took", "Took", "n"], ["operations", "Operations", "n"], ["queued", "Queued", "n"]]);
  const word = el("span", { class: "word" });
  say(shown.name, row.table);
  shown.doing.append(word);
  const link = el("a");
  shown.version.append(link);
  return Object.assign(el("tr", { "data-exported": row.table }, ...Object.values(shown)), { shown, word, link });
}

/** What becomes of a table's exports now, in a word. */
function doing(row) {
  if (row.running) return [`${row.running.step}${row.running.progress ? `, ${percent(row.running.progress)}` : ""}`, "good"];
  if (row.held.length > 0) return ["held", "warn"];
  if (row.failed.length > 0) return ["failed", "bad"];
  return row.waiting.length > 0 ? ["waits for files", "soft"] : ["idle", "soft"];
}

export function showExported({ shown, word, link }, row, now) {
  showWord(word, ...doing(row));
  const last = row.imported;
  say(link, last ? last.version : "");
  link.href = last ? executionPage(`${row.table}/${last.version}`) : "";
  say(shown.when, last ? ago(now - last.ended_ms) : "\u2013");
  say(shown.took, last ? span(last.duration_ms) : "\u2013");
  say(shown.operations, last ? number(last.operations) : "\u2013");
  showCount(shown.queued, row.queued.length, "");
}
