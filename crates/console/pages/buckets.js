// All buckets, live: what they hold, whom their events call, what clients asked for.

import { follow } from "./live.js";
import { bytes, el, keyed, number, say } from "./format.js";
import { newBucket, showAlarms, showBucket } from "./rows.js";

const id = (name) => document.getElementById(name);

function newRequest(row) {
  const [count, errors] = [el("td", { class: "n" }), el("td", { class: "n" })];
  return Object.assign(el("tr", {}, el("td", { text: row.operation }), count, errors), { count, errors });
}

follow("/feed/buckets", (frame) => {
  showAlarms(frame.alarms);
  id("no-buckets").hidden = frame.buckets.length > 0;
  id("buckets").closest(".scroll").hidden = frame.buckets.length === 0;
  keyed(id("buckets"), frame.buckets, (row) => row.name, newBucket, showBucket);
  const cut = frame.buckets_count > frame.buckets.length;
  id("buckets-count").hidden = !cut;
  say(id("buckets-count"), cut ? `The first ${frame.buckets.length} of ${number(frame.buckets_count)} buckets.` : "");
  const asked = frame.requests.filter((row) => row.count > 0).sort((left, right) => right.count - left.count);
  id("requests-section").hidden = asked.length === 0;
  say(id("traffic"), `${bytes(frame.bytes_in)} came, ${bytes(frame.bytes_out)} went`);
  keyed(id("requests"), asked, (row) => row.operation, newRequest, (element, row) => {
    say(element.count, number(row.count));
    say(element.errors, row.errors > 0 ? number(row.errors) : "\u2013");
    element.errors.className = row.errors > 0 ? "n bad" : "n soft";
  });
});
