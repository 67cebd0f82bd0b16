// The timeline: a lane for each person, and for boxes, zones and mutes where there are some.

import { el, labelled, t } from "./base.js";
import { rangeOf } from "./edits.js";

export class Timeline {
  /** `go(frame, track)` is called for clicks; the track is null in lanes of nobody. */
  constructor(place, review, go) {
    Object.assign(this, { place, review, go });
    this.lanes = new Map();
    this.extra = el("div");
    place.append(this.extra);
    for (const lane of review.lanes) this.add(lane);
  }

  add(lane) {
    const label = t("lane", { label: labelled(lane.label), n: lane.track, from: lane.first, to: lane.last });
    const hints = el("small", { class: "hints" });
    const head = el(
      "button",
      { type: "button", class: "head", "aria-label": label, onclick: () => this.go(lane.first, lane.track) },
      el("img", { src: lane.thumb, alt: "", loading: "lazy" }),
      el("span", {}, t("track", { n: lane.track }), hints),
    );
    const svg = this.svg();
    const track = this.track(svg, lane.track);
    const row = el("div", { class: `lane${lane.weak || lane.short ? " weak" : ""}`, "data-track": lane.track }, head, track);
    this.lanes.set(lane.track, { lane, row, head, svg, hints });
    this.place.append(row);
  }

  svg() {
    return el("svg", { viewBox: `0 0 ${this.review.frames} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
  }

  track(svg, number) {
    const track = el("div", { class: "track" }, svg);
    track.addEventListener("click", (event) => {
      const box = track.getBoundingClientRect();
      this.go(Math.floor(((event.clientX - box.left) / box.width) * this.review.frames), number);
    });
    return track;
  }

  /** Draw what the edits make of it. */
  show(edits) {
    for (const { lane, svg, hints, row } of this.lanes.values()) {
      const own = edits.filter((edit) => edit.track === lane.track);
      const marks = own.flatMap((edit) => this.marks(edit, lane));
      svg.replaceChildren(bar("seen", lane.first, lane.last, 3, 4), ...marks);
      const clear = own.findLast((edit) => ["keep", "delete", "hide"].includes(edit.kind));
      const isKept = clear !== undefined && clear.kind !== "hide";
      row.classList.toggle("kept", isKept);
      const said = [lane.weak ? t("weak") : lane.short ? t("short") : t("score", { score: lane.score })];
      hints.replaceChildren(el("span", { class: lane.weak || lane.short ? "weak" : "" }, said[0]));
      if (lane.person !== lane.track) hints.append(" · ", t("same_as", { n: lane.person }));
      if (isKept) hints.append(" · ", el("span", { class: "kept" }, t("kept")));
    }
    this.showExtra(edits);
  }

  marks(edit, lane) {
    const [first, last] = rangeOf(edit, this.review.frames);
    if (edit.kind === "box") {
      const width = this.review.frames / 250;
      return edit.keys.map((key) => el("rect", { class: "key", x: key.frame + 0.5 - width / 2, y: 1, width, height: 8 }));
    }
    const [from, to] = [Math.max(first, lane.first), Math.min(last, lane.last)];
    return from <= to ? [bar(edit.kind, from, to, 2, 6)] : [];
  }

  showExtra(edits) {
    const kinds = [
      ["boxes_lane", "hand", (edit) => edit.kind === "box" && edit.track === undefined],
      ["zones_lane", "zone", (edit) => edit.kind === "zone"],
      ["sound_lane", "mute", (edit) => edit.kind === "mute"],
    ];
    const rows = [];
    for (const [word, name, fits] of kinds) {
      const own = edits.filter(fits);
      if (!own.length) continue;
      const svg = this.svg();
      svg.append(...own.map((edit) => bar(name, ...rangeOf(edit, this.review.frames), 2, 6)));
      rows.push(el("div", { class: "lane" }, el("span", { class: "title" }, t(word)), this.track(svg, null)));
    }
    this.extra.replaceChildren(...rows);
  }

  /** Where the picture is, and what range is set. */
  at(frame, range) {
    const share = (n) => `${((100 * n) / this.review.frames).toFixed(3)}%`;
    this.place.style.setProperty("--at", share(frame + 0.5));
    const [from, to] = [range[0] ?? 0, range[1] ?? this.review.frames - 1];
    const isSet = range[0] !== null || range[1] !== null;
    this.place.style.setProperty("--from", share(from));
    this.place.style.setProperty("--span", isSet ? share(Math.max(0, to - from + 1)) : "0%");
  }

  choose(track) {
    for (const [number, { row, head }] of this.lanes) {
      const is = number === track;
      if (is !== row.classList.contains("chosen")) {
        row.classList.toggle("chosen", is);
        if (is) this.reveal(row);
      }
      head.setAttribute("aria-pressed", is);
    }
  }

  /** Scroll the lanes, and not the page. */
  reveal(row) {
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    if (top < this.place.scrollTop) this.place.scrollTop = top;
    else if (bottom > this.place.scrollTop + this.place.clientHeight) this.place.scrollTop = bottom - this.place.clientHeight;
  }
}

function bar(name, first, last, y, height) {
  return el("rect", { class: name, x: first, y, width: last - first + 1, height });
}
