// The dashboard: turns each frame into the page. A frame is the whole state; nothing is kept but what is on screen.

import { follow } from "./live.js";
import { ago, behind, calm, copying, el, human, keyed, mark, number, rate as rateText, say } from "./format.js";
import { River } from "./spark.js";

const id = (name) => document.getElementById(name);
const name = document.body.dataset.name;
const ease = "cubic-bezier(0.2, 0.7, 0.2, 1)";

let river = null;
let latest = null;
let received = 0;
let reorderedAt = 0;
let spokenAt = 0;
let listedAt = 0;
let listed = null;

const top = (element) => element.getBoundingClientRect().top;
const from = (element, by, duration) => {
  if (Math.abs(by) > 1) element.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration, easing: ease });
};

/** Bars that changed places move there. */
function reorder(bars, change) {
  reorderedAt = performance.now();
  if (calm.matches || document.hidden) { change(); return; }
  const before = new Map([...bars.children].map((bar) => [bar, top(bar)]));
  change();
  for (const bar of bars.children) if (before.has(bar)) from(bar, before.get(bar) - top(bar), 700);
}

/** The list slides as a whole to make room for what is new on top; what came back on top is new, too. */
function slide(list, change) {
  if (calm.matches || document.hidden || !list.firstElementChild) { change(); return; }
  const before = new Map([...list.children].map((row) => [row, { at: top(row), seq: row.seq }]));
  change();
  const stayed = [...list.children].find((row) => before.get(row)?.seq === row.seq);
  if (stayed) from(list, before.get(stayed).at - top(stayed), 450);
}

function newChart() {
  const bars = el("div", { class: "bars", role: "list" });
  const more = el("p", { class: "further", hidden: true });
  const title = el("span");
  const side = el("small");
  const section = el("section", { class: "chart" }, el("h2", {}, title, side), bars, more);
  Object.assign(section, { title_: title, side, bars, more });
  return section;
}

function newBar(row) {
  const label = el("span", { class: "label", title: row.label, text: human(row.label) });
  const value = el("span", { class: "value" });
  const fill = el("span", { class: "fill" });
  const bar = el("div", { class: "bar", role: "listitem", "data-label": row.label }, label, value, el("span", { class: "track", "aria-hidden": "true" }, fill));
  Object.assign(bar, { value, fill });
  return bar;
}

function showBar(bar, row) {
  mark(bar, "value", row.value);
  say(bar.value, number(row.value));
  bar.fill.style.setProperty("--part", row.part);
}

/** The order on screen, until it has been wrong for a moment: rows that are neck and neck do not dance. */
function orderOf(bars, rows, mayReorder) {
  const shown = [...(bars.kept?.keys() ?? [])];
  if (mayReorder || shown.length !== rows.length || rows.some((row) => !bars.kept.has(row.label))) return rows;
  const by = new Map(rows.map((row) => [row.label, row]));
  return [...bars.children].map((bar) => by.get(bar.dataset.label));
}

function showChart(section, chart, mayReorder) {
  section.dataset.chart = chart.group;
  section.dataset.total = chart.total ?? "";
  section.setAttribute("aria-label", chart.title);
  say(section.title_, chart.title);
  say(section.side, chart.rows ? "" : `no table ${chart.table}`);
  const rows = chart.rows ?? [];
  const bars = section.bars;
  const change = () => keyed(bars, orderOf(bars, rows, mayReorder), (row) => row.label, newBar, showBar);
  const moves = mayReorder && rows.some((row, at) => bars.children[at]?.dataset.label !== row.label);
  if (moves) reorder(bars, change); else change();
  const parts = [];
  if (chart.more) parts.push(`${number(chart.more.value)} in ${chart.more.uncounted ? "many" : number(chart.more.groups)} further groups`);
  if (chart.cut) parts.push(`only the first ${number(chart.cut)} items are summed up`);
  section.more.hidden = parts.length === 0;
  say(section.more, parts.join("; "));
}

function newRecent() {
  const list = el("ol");
  const side = el("small");
  const section = el("section", { class: "recent", "aria-label": "Most recent" }, el("h2", {}, el("span", { text: "Most recent" }), side), el("div", { class: "flow" }, list));
  Object.assign(section, { list, side });
  return section;
}

/** What is short and constant reads first; keys that are ids step back. */
function newVote(columns, keys) {
  return () => {
    const order = columns.map((column, at) => ({ at, key: keys.includes(column) }));
    order.sort((left, right) => left.key - right.key);
    const cells = order.map(({ at, key }, index) => Object.assign(el("span", { class: key ? "id" : index === 0 ? "first" : null }), { at }));
    const when = el("span", { class: "when" });
    const vote = el("li", { class: "vote" }, ...cells, when);
    Object.assign(vote, { cells, when });
    return vote;
  };
}

/** Long ids differ at their ends; the whole is in the cell's title. */
const tail = (text) => (text.length > 12 ? `\u2026${text.slice(-8)}` : text);

function showVote(columns) {
  return (vote, row) => {
    mark(vote, "kind", row.kind);
    vote.ms = row.ms;
    if (vote.seq === row.seq) return;
    vote.seq = row.seq;
    for (const cell of vote.cells) {
      const text = row.cells[cell.at];
      const was = row.was[cell.at];
      cell.title = `${columns[cell.at]}: ${text ?? "none"}`;
      cell.replaceChildren(text === null ? "\u2013" : cell.className === "id" ? tail(text) : human(text));
      if (was !== null) cell.append(el("small", { class: "was", text: human(was) || "nothing" }));
    }
  };
}

function showRecent(section, recent, tables) {
  const now = performance.now();
  const list = section.list;
  const rows = recent.rows ?? [];
  const fresh = rows.filter((row) => list.kept?.get(row.id)?.seq !== row.seq).length;
  // One change shows at once; a flood is shown as a slower flow, because rows nobody can read are not worth moving.
  if (fresh > 0 && now - listedAt < (fresh > 3 ? 900 : 450)) {
    clearTimeout(listed);
    listed = setTimeout(() => { if (latest?.recent) showRecent(section, latest.recent, latest.tables); }, 150);
    return;
  }
  clearTimeout(listed);
  const facts = tables.find((table) => table.name === recent.table);
  const keys = (facts?.key ?? []).map((key) => key.name);
  const columns = [...recent.columns, ...keys].join("\n");
  if (section.columns !== columns) {
    section.columns = columns;
    list.kept?.clear();
    list.replaceChildren();
    const others = recent.columns.filter((column) => !keys.includes(column)).length;
    const widths = recent.columns.map((_, at) => (at >= others ? "minmax(0, 0.8fr)" : at < 2 ? "minmax(0, 1.3fr)" : "minmax(0, 1fr)"));
    list.style.setProperty("--cells", widths.join(" "));
  }
  if (fresh > 0) listedAt = now;
  const change = () => keyed(list, rows, (row) => row.id, newVote(recent.columns, keys), showVote(recent.columns));
  if (fresh > 0) slide(list, change); else change();
  list.parentElement.classList.toggle("longer", list.scrollHeight > list.parentElement.clientHeight + 1);
  say(section.side, facts?.missing ? `no table ${recent.table}` : "");
  times();
}

function times() {
  if (!latest) return;
  const now = latest.at + performance.now() - received;
  for (const when of document.querySelectorAll(".vote .when")) say(when, ago(now - when.parentElement.ms));
}

function showColumns(frame) {
  const columns = id("columns");
  const mayReorder = performance.now() - reorderedAt > 1500;
  const wanted = frame.charts.map((chart, at) => ({ id: `chart ${at}`, chart }));
  if (frame.recent) wanted.push({ id: "recent", recent: frame.recent });
  columns.style.setProperty("--rows", Math.max(1, ...frame.charts.map((chart) => chart.rows?.length ?? 0)));
  const create = (row) => (row.chart ? newChart() : newRecent());
  const update = (section, row) => {
    if (row.chart) showChart(section, row.chart, mayReorder);
    else showRecent(section, row.recent, frame.tables);
  };
  keyed(columns, wanted, (row) => row.id, create, update);
}

function showTotal(frame) {
  const chart = frame.charts[0];
  const table = frame.tables.find((one) => one.name === (frame.recent ?? frame.rate)?.table);
  const value = chart?.total ?? String(table?.items ?? 0);
  const text = number(value);
  mark(id("total"), "value", value);
  say(id("total"), text);
  id("total").style.setProperty("--digits", text.length);
  say(id("total-name"), chart ? chart.title.replace(/\s+(per|by)\s.*$/i, "") + " in total" : `Items in ${table?.name ?? ""}`);
  return value;
}

function showRate(frame) {
  id("pulse").hidden = !frame.rate;
  if (!frame.rate) return;
  river ??= new River(id("river"));
  mark(id("rate"), "value", String(frame.rate.now));
  say(id("rate"), rateText(frame.rate.now));
  say(id("rate-unit"), `${frame.rate.table} a second`);
  river.update(frame.rate, frame.at);
}

function showViews(frame) {
  const words = frame.views.map((view) => {
    const { name: phase, done, total, why } = view.phase;
    const state = phase === "backfill" ? `filling, ${total > 0 ? Math.floor(done / total * 100) : 0}\u202f%`
      : phase === "stopped" ? `stopped: ${why}`
      : behind(view);
    return `${view.table}: ${state}${view.skipped > 0 ? `, ${number(view.skipped)} skipped` : ""}`;
  });
  say(id("views"), words.join(" \u00b7 "));
  say(id("facts"), `last change at position ${number(frame.seq)}`);
  const stopped = frame.views.find((view) => view.phase.name === "stopped");
  alarm(frame.poisoned ? `The database takes no more writes: ${frame.poisoned}` : stopped ? `The view ${stopped.table} has stopped: ${stopped.phase.why}` : "");
}

function alarm(text) {
  id("alarm").hidden = text === "";
  say(id("alarm"), text);
}

/** How to cast the first one, with the attributes this dashboard shows. */
function showStart(frame) {
  const recent = frame.recent;
  if (!recent || !id("start").hidden) return;
  const table = frame.tables.find((one) => one.name === recent.table);
  const types = new Map((table?.key ?? []).map((key) => [key.name, key.type]));
  const examples = { improvement: "MORE_TREES", region: "SOUTH" };
  const names = [...new Set([...types.keys(), ...recent.columns])];
  const value = (one) => {
    const text = examples[one] ?? (types.has(one) ? "1" : "EXAMPLE");
    return types.get(one) === "N" ? { N: "1" } : types.get(one) === "B" ? { B: "AQ==" } : { S: text };
  };
  const item = JSON.stringify(Object.fromEntries(names.map((one) => [one, value(one)])));
  say(id("start-title"), `No ${recent.table} yet`);
  say(id("start-put"), "AWS_ACCESS_KEY_ID=dummy AWS_SECRET_ACCESS_KEY=dummy \\\n"
    + `  aws dynamodb put-item --endpoint-url ${location.origin} --region us-east-1 \\\n`
    + `  --table-name ${recent.table} \\\n  --item '${item}'`);
  id("start-more").hidden = recent.table !== "votes";
}

function speak(frame, total) {
  const now = performance.now();
  if (now - spokenAt < 30_000) return;
  spokenAt = now;
  const leaders = frame.charts.filter((chart) => chart.rows?.length > 0).map((chart) => `${human(chart.rows[0].label)} leads ${chart.title} with ${number(chart.rows[0].value)}.`);
  say(id("spoken"), `${number(total)} in total. ${leaders.join(" ")}`);
}

function show(frame) {
  if (frame.error) { alarm(frame.error); return; }
  latest = frame;
  received = performance.now();
  const total = showTotal(frame);
  const filling = frame.views.some((view) => view.phase.name === "backfill");
  const items = frame.tables.find((one) => one.name === frame.recent?.table)?.items ?? 0;
  const empty = frame.charts.every((chart) => !chart.rows?.length) && !frame.recent?.rows?.length && items === 0 && !filling;
  if (empty) showStart(frame);
  id("start").hidden = !empty;
  showRate(frame);
  showViews(frame);
  showColumns(frame);
  mark(id("main"), "state", empty ? "empty" : "live");
  speak(frame, total);
}

const full = id("full");
full.hidden = !document.fullscreenEnabled;
full.addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});
copying();
setInterval(() => { if (!document.hidden) times(); }, 1000);
follow(`/dashboards/${encodeURIComponent(name)}/feed`, show);
