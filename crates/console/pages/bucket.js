// One bucket: its figures and whom its events call, live; its objects page by page, folder by folder.

import { follow } from "./live.js";
import { ago, bytes, el, keyed, number, say } from "./format.js";
import { cells, functionPage, moment, showAlarms, showCount, showFigures } from "./rows.js";

const id = (name) => document.getElementById(name);
const name = document.body.dataset.name;
const api = `/api/buckets/${encodeURIComponent(name)}/objects`;
let prefix = "";
let nextPage = null;
let pageNumber = 0;

function newTarget(row) {
  const shown = cells([["function", "Function", "name"], ["kinds", "Of", "soft"], ["keys", "Keys", "soft"], ["waiting", "Waiting", "n"]]);
  shown.function.append(el("a", { href: functionPage(row.function), text: row.function }));
  return Object.assign(el("tr", {}, ...Object.values(shown)), { shown });
}

function showTarget({ shown }, row) {
  say(shown.kinds, row.kinds.map((kind) => kind.replace(/^s3:/, "")).join(", "));
  say(shown.keys, row.prefix || row.suffix ? `${row.prefix}\u2026${row.suffix}` : "all");
  showCount(shown.waiting, row.waiting, "");
}

function show(frame) {
  id("alarm").hidden = !frame.gone;
  say(id("alarm"), frame.gone ? "This bucket is no longer there." : "");
  if (frame.gone) return;
  showAlarms(frame.alarms);
  const row = frame.bucket;
  showFigures(id("figures"), [
    ["Objects", number(row.objects)],
    ["Size", row.bytes === null ? "counting" : bytes(row.bytes)],
    ["Region", row.region],
    ["Created", `${ago(frame.at - row.created_ms)} ago`.replace("now ago", "just now")],
    ["Calls made", number(row.told)],
    ["Behind", row.behind > 0 ? number(row.behind) : "\u2013"],
  ]);
  id("targets-section").hidden = row.targets.length === 0;
  keyed(id("targets"), row.targets, (one) => `${one.function} ${one.kinds} ${one.prefix} ${one.suffix}`, newTarget, showTarget);
}

/** The way down to the folder that is shown. */
function showCrumbs() {
  const link = (text, to) => {
    const button = el("button", { type: "button", class: "crumb", text });
    button.addEventListener("click", () => open(to));
    return button;
  };
  const parts = prefix.split("/").slice(0, -1);
  const crumbs = parts.map((part, at) => link(`${part}/`, `${parts.slice(0, at + 1).join("/")}/`));
  id("crumbs").hidden = prefix === "";
  id("crumbs").replaceChildren(link(name, ""), ...crumbs);
}

function row(entry) {
  const shown = cells([["key", "Key", "name"], ["size", "Size", "n"], ["type", "Type", "soft"], ["etag", "ETag", "soft"], ["changed", "Changed", "n"]]);
  if (entry.folder !== undefined) {
    const button = el("button", { type: "button", class: "crumb", text: entry.folder.slice(prefix.length) });
    button.addEventListener("click", () => open(entry.folder));
    shown.key.append(button);
  } else {
    const text = entry.key.slice(prefix.length) || entry.key;
    shown.key.append(entry.href ? el("a", { href: entry.href, download: true, text, title: entry.key }) : el("code", { text, title: entry.key }));
    say(shown.size, bytes(entry.size));
    say(shown.type, entry.content_type ?? "");
    shown.etag.append(el("code", { text: entry.etag.slice(0, 8), title: entry.etag }));
    say(shown.changed, moment(entry.modified_ms, Date.now()));
  }
  return el("tr", { "data-key": entry.key ?? entry.folder }, ...Object.values(shown));
}

function open(to) {
  prefix = to;
  showCrumbs();
  showObjects(null);
}

async function showObjects(after) {
  const asked = prefix;
  const buttons = [id("first"), id("next")];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const query = new URLSearchParams({ prefix, ...(after === null ? {} : { after }) });
    const response = await fetch(`${api}?${query.toString().replaceAll("+", "%20")}`);
    const page = await response.json();
    // Another folder was opened meanwhile.
    if (asked !== prefix) return;
    if (!response.ok) throw new Error(page.error);
    id("objects").replaceChildren(...page.entries.map(row));
    id("no-objects").hidden = page.entries.length > 0;
    nextPage = page.next;
    pageNumber = after === null ? 1 : pageNumber + 1;
    say(id("where"), page.entries.length > 0 ? `Page ${pageNumber}` : "");
  } catch (error) {
    say(id("where"), `The objects cannot be read: ${error.message}`);
  }
  id("first").disabled = pageNumber === 1;
  id("next").disabled = nextPage === null;
}

id("first").addEventListener("click", () => showObjects(null));
id("next").addEventListener("click", () => showObjects(nextPage));
open("");
follow(`/buckets/${encodeURIComponent(name)}/feed`, show);
