// One table: its figures, indexes and changes live, its items page by page, its settings once.

import { follow } from "./live.js";
import { ago, bytes, copying, el, keyed, number, rate, say } from "./format.js";
import { derived, newState, showState } from "./indexes.js";
import { River } from "./spark.js";

const id = (name) => document.getElementById(name);
const name = document.body.dataset.name;
const api = `/api/tables/${encodeURIComponent(name)}`;
let river = null;
let latest = null;
let received = 0;
let nextPage = null;
let pageNumber = 0;
/** The index whose entries are browsed; null: the table's items. */
let browsed = null;

function showFigures(frame) {
  const table = frame.tables[0];
  const rows = [["Items", number(table.items)], ["Size", bytes(table.bytes)], ["Changes a second", rate(frame.rate?.now ?? 0)]];
  keyed(id("figures"), rows, ([label]) => label, ([label]) => {
    const value = el("span", { class: "figure" });
    return Object.assign(el("div", {}, el("p", { class: "kicker", text: label }), value), { value });
  }, (element, [, text]) => say(element.value, text));
  let print = id("fingerprint");
  if (!print) {
    print = el("button", { class: "copy", id: "fingerprint", type: "button", title: "Copy the whole fingerprint" });
    id("figures").append(el("div", {}, el("p", { class: "kicker", text: "Fingerprint" }), print));
  }
  print.dataset.copy = table.fingerprint;
  if (print.textContent !== "Copied") say(print, table.fingerprint.slice(0, 16));
}

function newIndex(row) {
  const cell = (name) => el("td", { class: name });
  const shown = { items: cell("n"), size: cell("n"), state: newState() };
  const title = el("td", { class: "name" }, row.name, el("span", { class: "tag", text: row.kind }));
  const line = el("tr", { "data-index": row.name }, title, el("td", { class: "soft", text: row.key }), shown.items, shown.size, el("td", {}, shown.state));
  return Object.assign(line, { shown });
}

function showIndexes(table) {
  const rows = derived(table);
  id("indexes-section").hidden = rows.length === 0;
  keyed(id("indexes"), rows, (row) => row.id, newIndex, (line, row) => {
    say(line.shown.items, number(row.items));
    say(line.shown.size, row.bytes === null ? "" : bytes(row.bytes));
    showState(line.shown.state, row.fill, row.carries);
  });
  showSources(table.indexes.map((index) => index.name));
}

/** What the list of items can be read from. */
function showSources(indexes) {
  if (browsed !== null && !indexes.includes(browsed)) browse(null);
  id("sources").hidden = indexes.length === 0;
  keyed(id("sources"), [null, ...indexes], (source) => source ?? "", (source) => {
    const button = el("button", { type: "button", text: source ?? "Table" });
    button.addEventListener("click", () => browse(source));
    return Object.assign(button, { source });
  }, (button, source) => button.setAttribute("aria-pressed", source === browsed));
}

function browse(source) {
  browsed = source;
  for (const button of id("sources").children) button.setAttribute("aria-pressed", button.source === source);
  showItems(null);
}

function showTail(frame) {
  const rows = frame.recent?.rows ?? [];
  id("no-changes").hidden = rows.length > 0;
  const words = { new: "new", changed: "changed", removed: "removed" };
  keyed(id("tail"), rows, (row) => row.id, (row) => {
    const when = el("span", { class: "when" });
    const key = row.cells.map((cell) => cell ?? "none").join(", ");
    const item = el("li", { "data-kind": row.kind, "data-seq": row.seq }, el("span", { class: "kind", text: words[row.kind] }),
      el("code", { text: key, title: `${key}, at position ${number(row.seq)}` }), el("span", { class: "detail", text: row.detail, title: row.detail }), when);
    return Object.assign(item, { when, ms: row.ms });
  }, () => {});
  times();
}

function times() {
  if (!latest) return;
  const now = latest.at + performance.now() - received;
  for (const row of id("tail").children) say(row.when, ago(now - row.ms));
}

function show(frame) {
  const gone = frame.error ?? (frame.tables[0]?.missing ? "This table is no longer there." : "");
  id("alarm").hidden = !(gone || frame.poisoned);
  say(id("alarm"), gone || (frame.poisoned ? `The database takes no more writes until it is restarted: ${frame.poisoned}` : ""));
  if (gone) return;
  latest = frame;
  received = performance.now();
  showFigures(frame);
  showIndexes(frame.tables[0]);
  showTail(frame);
  if (frame.rate) {
    river ??= new River(id("river"));
    river.update(frame.rate, frame.at);
  }
}

async function showItems(start) {
  const source = browsed;
  const buttons = [id("first"), id("next")];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const asked = [browsed !== null && `index=${encodeURIComponent(browsed)}`, start && `start=${start}`].filter(Boolean);
    const response = await fetch(asked.length > 0 ? `${api}/items?${asked.join("&")}` : `${api}/items`);
    const page = await response.json();
    // Another order was chosen meanwhile.
    if (source !== browsed) return;
    if (!response.ok) throw new Error(page.error);
    const more = page.more_columns > 0 ? [el("th", { text: `and ${page.more_columns} more` })] : [];
    id("columns").replaceChildren(...page.columns.map((column) => el("th", { text: column })), ...more);
    id("items").replaceChildren(...page.rows.map((row) => el("tr", {}, ...row.map((cell) => (cell === null ? el("td")
      : el("td", { title: cell[1] }, el("span", { class: "kind", text: cell[0] }), cell[1]))))));
    id("no-items").hidden = page.rows.length > 0;
    nextPage = page.next;
    pageNumber = start ? pageNumber + 1 : 1;
    say(id("where"), `page ${pageNumber}${nextPage ? "" : ", the last"}`);
  } catch (error) {
    say(id("where"), `could not be read: ${error.message}`);
  }
  id("first").disabled = false;
  id("next").disabled = nextPage === null;
}

async function showSettings() {
  const table = await (await fetch(api)).json();
  const code = (text) => el("code", { text });
  const rows = [
    ["Key", code(table.key.map((key, at) => `${key.name} (${key.type}, ${at === 0 ? "partition" : "sort"})`).join(", "))],
    ["Created", new Date(table.created_ms).toLocaleString()],
    ["Stream", table.stream ? `${table.stream.type}, ${table.stream.shards} ${table.stream.shards === 1 ? "shard" : "shards"}` : "off"],
  ];
  if (table.stream?.arn) rows.push(["Stream ARN", el("span", {}, code(table.stream.arn), " ", el("button", { class: "copy", type: "button", "data-copy": table.stream.arn, text: "Copy" }))]);
  if (table.view) rows.push(["Kept by a view of", table.view.sources.join(", ")], ["Query", el("pre", { text: table.view.sql.trim() })]);
  rows.push(["Billing", table.billing], ["Expiry", table.ttl ? code(table.ttl) : "off"], ["Deletion", table.protected ? "protected" : "allowed"], ["Id", code(table.uuid)]);
  if (table.tags.length > 0) rows.push(["Tags", table.tags.map(([key, value]) => `${key} = ${value}`).join(", ")]);
  id("settings").replaceChildren(...rows.flatMap(([term, what]) => [el("dt", { text: term }), el("dd", {}, what)]));
}

id("first").addEventListener("click", () => showItems(null));
id("next").addEventListener("click", () => showItems(nextPage));
copying();
setInterval(() => { if (!document.hidden) times(); }, 1000);
follow(`/tables/${encodeURIComponent(name)}/feed`, show);
showItems(null);
showSettings();
