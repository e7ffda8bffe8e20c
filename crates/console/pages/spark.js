// Five minutes of a rate as a river: whole steps only, what is not known is dashed.

import { rate as shown } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 100;

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

export class River {
  constructor(parent) {
    this.bed = svg("path", { class: "bed" });
    this.unknown = svg("path", { class: "unknown" });
    this.line = svg("path", { class: "flow" });
    const stop = (offset, opacity) => svg("stop", { offset, "stop-color": "currentColor", "stop-opacity": opacity });
    const gradient = svg("linearGradient", { id: "bed-fill", x1: 0, y1: 0, x2: 0, y2: 1 }, stop(0, 0.34), stop(1, 0.02));
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("defs", {}, gradient), this.bed, this.unknown, this.line);
    this.peak = document.createElement("span");
    this.peak.className = "peak";
    const scale = document.createElement("p");
    scale.className = "scale";
    for (const word of ["5 min ago", "now"]) scale.append(Object.assign(document.createElement("span"), { textContent: word }));
    parent.append(this.peak, picture, scale);
    this.frame = null;
    this.received = 0;
    // Time passes without frames: as long as something is to be seen it flows on.
    setInterval(() => { if (this.frame && !document.hidden && this.frame.counts.some(Boolean)) this.draw(); }, 2000);
  }

  update(frame, at) {
    this.received = performance.now() - (at - frame.until_ms);
    const same = this.frame && this.frame.until_ms === frame.until_ms && this.frame.known_ms === frame.known_ms
      && this.frame.counts.every((count, index) => count === frame.counts[index]);
    this.frame = frame;
    if (!same) this.draw();
  }

  draw() {
    const { counts, step_ms: step, until_ms: until, known_ms: known } = this.frame;
    const passed = Math.max(0, Math.floor((performance.now() - this.received) / step));
    const values = counts.slice(passed).concat(Array(Math.min(passed, counts.length)).fill(0)).map((count) => count * 1000 / step);
    const end = until + passed * step;
    const first = end - counts.length * step;
    const top = Math.max(1, ...values);
    const x = (index) => ((index + 0.5) * WIDTH / values.length);
    const y = (value) => HEIGHT - 2 - value / top * (HEIGHT - 10);
    const from = Math.min(values.length - 1, Math.max(0, Math.ceil((known - first) / step)));
    // A curve through the steps' middles, flat at both ends of each piece: no overshoot below zero.
    let path = `M${x(from).toFixed(1)} ${y(values[from]).toFixed(1)}`;
    for (let index = from + 1; index < values.length; index += 1) {
      const middle = ((x(index - 1) + x(index)) / 2).toFixed(1);
      path += `C${middle} ${y(values[index - 1]).toFixed(1)} ${middle} ${y(values[index]).toFixed(1)} ${x(index).toFixed(1)} ${y(values[index]).toFixed(1)}`;
    }
    path += `H${WIDTH}`;
    this.line.setAttribute("d", path);
    this.bed.setAttribute("d", `${path}V${HEIGHT}H${x(from).toFixed(1)}Z`);
    this.unknown.setAttribute("d", from > 0 ? `M0 ${HEIGHT - 2}H${x(from).toFixed(1)}` : "");
    const text = values.some(Boolean) ? `peak ${shown(top)} a second` : "";
    if (this.peak.textContent !== text) this.peak.textContent = text;
  }
}
