// Drawing a polygon over a picture with the mouse or with keys, in shares of its width and height.

import { el } from "./base.js";

const STEP = 0.02;
const CLOSE = 0.025;

/** Draws one polygon after the other on an SVG whose viewBox is 0 0 1 1 (or larger, see `size`). */
export class PolygonPen {
  /** `done(points)` gets each closed polygon; `size` is the viewBox. */
  constructor(svg, done, size = [1, 1]) {
    this.svg = svg;
    this.done = done;
    this.size = size;
    this.points = [];
    this.cross = [0.5, 0.5];
    this.group = el("g");
    this.handlers = { pointerdown: (e) => this.pressed(e), keydown: (e) => this.key(e), focus: () => this.draw(), blur: () => this.draw() };
    for (const [name, handler] of Object.entries(this.handlers)) svg.addEventListener(name, handler);
    svg.classList.add("draws");
    this.draw();
  }

  end() {
    for (const [name, handler] of Object.entries(this.handlers)) this.svg.removeEventListener(name, handler);
    this.svg.classList.remove("draws");
    this.group.remove();
  }

  pressed(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.svg.focus();
    const box = this.svg.getBoundingClientRect();
    this.add([inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)]);
  }

  add(point) {
    const near = (other) => Math.hypot(point[0] - other[0], point[1] - other[1]) < CLOSE;
    if (this.points.length >= 3 && (near(this.points[0]) || near(this.points.at(-1)))) return this.close();
    if (this.points.some(near)) return;
    this.points.push(point.map((one) => Math.round(one * 1e4) / 1e4));
    this.cross = point;
    this.draw();
  }

  close() {
    const points = this.points;
    this.points = [];
    this.draw();
    this.done(points);
  }

  key(event) {
    const far = event.shiftKey ? STEP / 4 : STEP;
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (by) this.cross = [inside(this.cross[0] + by[0]), inside(this.cross[1] + by[1])];
    else if (event.key === "Enter") this.add(this.cross);
    else if (event.key === "Backspace" || event.key === "Delete") this.points.pop();
    else if (event.key === "Escape" && this.points.length) this.points = [];
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  draw() {
    const [w, h] = this.size;
    const text = this.points.map(([x, y]) => `${x * w},${y * h}`).join(" ");
    const made = [el("polyline", { class: "open", points: text })];
    const box = this.svg.getBoundingClientRect();
    const r = (share) => (share * 5) / Math.max(1, share === w ? box.width : box.height);
    for (const [x, y] of this.points) {
      made.push(el("rect", { class: "corner", x: x * w - r(w), y: y * h - r(h), width: 2 * r(w), height: 2 * r(h) }));
    }
    if (document.activeElement === this.svg) {
      const [x, y] = [this.cross[0] * w, this.cross[1] * h];
      made.push(el("line", { class: "cross", x1: x, x2: x, y1: 0, y2: h }), el("line", { class: "cross", x1: 0, x2: w, y1: y, y2: y }));
    }
    this.group.replaceChildren(...made);
    this.svg.append(this.group);
  }
}

function inside(share) {
  return Math.min(1, Math.max(0, share));
}
