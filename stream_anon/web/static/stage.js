// The boxes over the picture: select, move, resize and draw them, with the mouse and with keys.

import { el, say, t } from "./base.js";

const LEAST = 6;
const SETTLES = 700;
const CORNERS = { nw: [0, 0], ne: [1, 0], sw: [0, 1], se: [1, 1] };

export class Stage {
  /**
   * `size` is the picture's. `select(item)` is called with what was clicked, `place(item, box)` with
   * where it is now, `draw(box)` with a new box.
   */
  constructor(svg, size, { select, place, draw }) {
    Object.assign(this, { svg, size, select, place, drawn: draw });
    this.items = [];
    this.chosen = null;
    this.isEditing = this.isDrawing = false;
    this.draft = null;
    this.timer = 0;
    svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    svg.setAttribute("preserveAspectRatio", "none");
    this.group = el("g");
    svg.append(this.group);
    svg.addEventListener("pointerdown", (event) => this.pressed(event));
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** Items {key, box, label, isKept, isHand} of the frame, and the key of the one that is chosen. */
  show(items, chosen) {
    this.items = items;
    if (chosen !== this.chosen?.key) this.isEditing = false;
    this.chosen = items.find((item) => item.key === chosen) ?? null;
    this.draft = null;
    this.paint();
  }

  paint() {
    const made = [];
    for (const item of this.items) {
      const isChosen = item === this.chosen;
      const [x, y, width, height] = isChosen && this.draft ? this.draft : item.box;
      const kind = `${item.isKept ? " kept" : ""}${item.isHand ? " hand" : ""}${isChosen ? " chosen" : ""}`;
      made.push(el("rect", { class: "box under", x, y, width, height }));
      made.push(el("rect", { class: `box${kind}`, x, y, width, height, "data-key": item.key }, el("title", {}, item.label)));
    }
    const box = this.draft ?? this.chosen?.box;
    if (box && this.chosen && (this.isEditing || matchMedia("(hover: hover)").matches)) made.push(...this.handles(box));
    if (this.isDrawing && this.draft && !this.chosen) {
      const [x, y, width, height] = this.draft;
      made.push(el("rect", { class: "box chosen", x, y, width, height }));
    }
    this.group.replaceChildren(...made);
  }

  handles([x, y, width, height]) {
    const seen = this.svg.getBoundingClientRect();
    const half = (5 * this.size[0]) / Math.max(1, seen.width);
    return Object.entries(CORNERS).map(([name, [right, down]]) =>
      el("rect", { class: `handle ${name}`, "data-corner": name, x: x + right * width - half, y: y + down * height - half, width: 2 * half, height: 2 * half }),
    );
  }

  at(event) {
    const seen = this.svg.getBoundingClientRect();
    return [((event.clientX - seen.left) / seen.width) * this.size[0], ((event.clientY - seen.top) / seen.height) * this.size[1]];
  }

  pressed(event) {
    if (event.button !== 0 || this.svg.classList.contains("draws") && !this.isDrawing) return;
    const from = this.at(event);
    if (this.isDrawing) return this.drag(event, (to) => spanned(from, to), (box) => this.finishDrawing(box));
    const { corner, key } = event.target.dataset;
    if (key !== undefined && key !== this.chosen?.key) this.select(this.items.find((item) => item.key === key));
    if (!this.chosen || (corner === undefined && key === undefined)) return;
    const start = this.chosen.box;
    this.drag(event, (to) => (corner ? resized(start, CORNERS[corner], to) : moved(start, to[0] - from[0], to[1] - from[1])), (box) => this.commit(box));
  }

  /** Follow the pointer until it is let go; a click that moved nothing changes nothing. */
  drag(event, boxAt, end) {
    event.preventDefault();
    this.svg.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    const start = [event.clientX, event.clientY];
    let hasMoved = false;
    const move = (now) => {
      hasMoved ||= Math.hypot(now.clientX - start[0], now.clientY - start[1]) > 3;
      if (!hasMoved) return;
      this.draft = this.kept(boxAt(this.at(now)));
      this.paint();
    };
    const up = (last) => {
      this.svg.removeEventListener("pointermove", move);
      this.svg.removeEventListener("pointerup", up);
      this.svg.removeEventListener("pointercancel", up);
      if (hasMoved && last.type === "pointerup" && this.draft) end(this.draft);
      else this.draft = null;
      this.paint();
    };
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", up);
    this.svg.addEventListener("pointercancel", up);
  }

  kept([x, y, width, height]) {
    const [w, h] = [Math.min(Math.max(LEAST, width), this.size[0]), Math.min(Math.max(LEAST, height), this.size[1])];
    return [Math.min(Math.max(0, x), this.size[0] - w), Math.min(Math.max(0, y), this.size[1] - h), w, h];
  }

  /** Arrows move the box that is chosen from now on. */
  edit() {
    if (!this.chosen) return false;
    this.isEditing = true;
    this.svg.focus();
    this.paint();
    return true;
  }

  startDrawing() {
    this.isDrawing = true;
    this.isEditing = false;
    this.chosen = this.draft = null;
    this.svg.classList.add("draws");
    this.svg.focus();
    say(t("draw_box"));
    this.paint();
  }

  finishDrawing(box) {
    this.stopDrawing();
    this.drawn(box);
  }

  stopDrawing() {
    this.isDrawing = false;
    this.draft = null;
    this.svg.classList.remove("draws");
    this.paint();
  }

  key(event) {
    if (this.isDrawing && (event.key === "Enter" || event.key === "Escape")) {
      event.preventDefault();
      event.stopPropagation();
      const [w, h] = this.size;
      if (event.key === "Enter") this.finishDrawing([w * 0.4, h * 0.35, w * 0.2, h * 0.3]);
      else this.stopDrawing();
      return;
    }
    const isForOthers = this.svg.classList.contains("draws");
    if (!this.isEditing || !this.chosen || isForOthers) return;
    const far = event.altKey ? 1 : Math.max(2, Math.round(this.size[0] / 160));
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (by) {
      const [x, y, w, h] = this.draft ?? this.chosen.box;
      this.draft = this.kept(event.shiftKey ? [x, y, w + by[0], h + by[1]] : [x + by[0], y + by[1], w, h]);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.flush(), SETTLES);
    } else if (event.key === "Enter" || event.key === "Escape") {
      this.flush();
      this.isEditing = false;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.paint();
  }

  /** Keep what was moved with keys. */
  flush() {
    clearTimeout(this.timer);
    if (this.draft && this.chosen && !this.isDrawing) return this.commit(this.draft);
    return undefined;
  }

  commit(box) {
    const item = this.chosen;
    item.box = box;
    this.draft = null;
    return this.place(item, box);
  }
}

function moved([x, y, width, height], right, down) {
  return [x + right, y + down, width, height];
}

function spanned(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])];
}

/** A box with one corner somewhere else; the one across stays. */
function resized([x, y, width, height], [right, down], to) {
  return spanned([x + (1 - right) * width, y + (1 - down) * height], to);
}
