// The page of a review: puts the desk, the stage, the timeline and the keys together.

import { Refused, api, attempt, clock, el, labelled, put, say, t } from "./base.js";
import { Desk } from "./desk.js";
import { showEdits } from "./edit_list.js";
import { Frames } from "./frames.js";
import { listen } from "./keys.js";
import { PolygonPen } from "./polygon.js";
import { Rendering } from "./rendering.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";

const job = document.body.dataset.job;
const path = `/api/v1/reviews/${job}`;
const on = (id) => document.getElementById(id);

async function begin() {
  const [review, shown] = await Promise.all([api("GET", path), api("GET", `/api/v1/jobs/${job}`)]);
  put(on("name"), shown.name);
  new Page(review).start();
}

class Page {
  constructor(review) {
    this.review = review;
    this.isPreview = this.isPlaying = false;
    this.pen = null;
    this.painting = 0;
    document.body.style.setProperty("--ratio", review.width / review.height);
    this.desk = new Desk(job, review, (what) => this.changed(what));
    this.frames = new Frames(on("frame"), path);
    this.svg = on("boxes");
    this.stage = new Stage(this.svg, [review.width, review.height], {
      select: (item) => this.desk.choose(item.track ?? null, item.key),
      place: (item, box) => this.desk.place(item, box),
      draw: (box) => this.desk.draw(box),
    });
    this.timeline = new Timeline(on("lanes"), review, (frame, track) => {
      if (track !== null) this.desk.choose(track);
      this.go(frame);
    });
    this.zones = el("g");
    this.svg.prepend(this.zones);
    this.rendering = new Rendering(job, () => {
      this.desk.boxes.forget();
      this.changed("edits");
    });
    on("seek").max = review.frames - 1;
  }

  async start() {
    this.wire();
    this.changed("range");
    const first = this.review.lanes[0];
    if (first) {
      this.desk.choose(first.track);
      this.desk.frame = Math.floor((first.first + first.last) / 2);
    }
    await this.desk.edits.load();
    this.changed("frame");
    this.rendering.resume();
  }

  /** Draw again what depends on it. */
  changed(what) {
    const { desk } = this;
    if (what === "edits") {
      on("undo").disabled = !desk.edits.canUndo;
      on("redo").disabled = !desk.edits.canRedo;
      this.timeline.show(desk.edits.list);
    }
    if (what === "range" || what === "frame") this.timeline.at(desk.frame, desk.range);
    if (what === "range") put(on("range"), this.rangeTold());
    if (what === "frame" || (what === "edits" && this.isPreview)) this.picture();
    if (what !== "range") {
      this.timeline.choose(desk.track);
      if (what !== "frame" || !this.isPlaying) showEdits(on("edits"), desk, desk.key);
      this.selected();
      this.paint();
    }
  }

  rangeTold() {
    const [from, to] = this.desk.range;
    if (from === null && to === null) return t("range_unset");
    return t("range", { from: from ?? 0, to: to ?? this.review.frames - 1 });
  }

  picture() {
    const { desk, review } = this;
    on("seek").value = desk.frame;
    const told = t("frame_at", { n: desk.frame, total: review.frames, time: clock(desk.frame / review.rate) });
    put(on("where"), `${desk.frame} / ${review.frames - 1} · ${clock(desk.frame / review.rate)}`);
    on("seek").setAttribute("aria-valuetext", told);
    return this.frames.show(desk.frame, this.isPreview, desk.edits.etag ?? "");
  }

  async paint() {
    const turn = ++this.painting;
    const found = await attempt(() => this.desk.items());
    if (!found || turn !== this.painting) return;
    const chosen = this.desk.chosenOf(found.items);
    this.stage.show(found.items, chosen?.key);
    const size = [this.review.width, this.review.height];
    this.zones.replaceChildren(
      ...this.desk.edits.list
        .filter((edit) => edit.kind === "zone" && (edit.from ?? 0) <= found.frame && found.frame <= (edit.to ?? Infinity))
        .map((edit) => el("polygon", { class: "zone", points: edit.points.map((p) => `${p[0] * size[0]},${p[1] * size[1]}`).join(" ") })),
    );
    let whole = on("picture").querySelector(".wholly");
    if (found.whole && !whole) on("picture").append(el("p", { class: "wholly" }, t("whole")));
    if (!found.whole) whole?.remove();
  }

  selected() {
    const lane = this.desk.lanes.get(this.desk.track);
    const key = lane ? `t${lane.track}` : (this.desk.key ?? "");
    const place = on("selected");
    for (const id of ["keep", "hide", "delete"]) on(id).disabled = !lane;
    if (place.dataset.shown === key) return;
    place.dataset.shown = key;
    this.none ??= place.firstElementChild;
    if (!lane) return place.replaceChildren(key ? el("p", {}, t("by_hand")) : this.none);
    place.replaceChildren(
      el("img", { src: lane.thumb, alt: "" }),
      el("p", {}, el("strong", {}, t("track", { n: lane.track })), el("br"),
        el("small", {}, `${labelled(lane.label)} · ${t("score", { score: lane.score })} · ${t("range", { from: lane.first, to: lane.last })}`)),
    );
  }

  async go(frame) {
    await this.stage.flush();
    this.desk.go(frame);
  }

  async play() {
    this.isPlaying = !this.isPlaying;
    on("play").setAttribute("aria-pressed", this.isPlaying);
    while (this.isPlaying && this.desk.frame < this.review.frames - 1) {
      const wait = new Promise((done) => setTimeout(done, 1000 / this.review.rate));
      this.desk.go(this.desk.frame + 1);
      await Promise.all([wait, this.frames.loading]);
    }
    this.isPlaying = false;
    on("play").setAttribute("aria-pressed", "false");
    this.changed("choice");
  }

  preview() {
    this.isPreview = !this.isPreview;
    on("preview").setAttribute("aria-pressed", this.isPreview);
    this.picture();
  }

  drawZone() {
    if (this.pen) return this.endZone();
    say(t("draw_zone"));
    this.pen = new PolygonPen(this.svg, (points) => {
      this.endZone();
      this.desk.zone(points);
    }, [this.review.width, this.review.height]);
    this.svg.focus();
    return undefined;
  }

  endZone() {
    this.pen?.end();
    this.pen = null;
  }

  cancel() {
    this.endZone();
    if (this.stage.isDrawing) this.stage.stopDrawing();
  }

  wire() {
    const { desk, stage } = this;
    const second = Math.max(1, Math.round(this.review.rate));
    const edit = () => stage.edit() || say(t("first_select"));
    const commands = {
      previous: () => this.go(desk.frame - 1), next: () => this.go(desk.frame + 1), play: () => this.play(),
      preview: () => this.preview(), in: () => desk.mark(0), out: () => desk.mark(1), whole: () => desk.wholeVideo(),
      keep: () => desk.judge("keep"), hide: () => desk.judge("hide"), delete: () => desk.judge("delete"),
      "edit-box": edit, "add-box": () => stage.startDrawing(), "add-zone": () => this.drawZone(), mute: () => desk.mute(),
      undo: () => desk.edits.undo(), redo: () => desk.edits.redo(), render: () => this.rendering.start(), weak: () => desk.nextToCheck(1),
    };
    for (const [id, command] of Object.entries(commands)) on(id).addEventListener("click", command);
    on("seek").addEventListener("input", () => this.go(Number(on("seek").value)));
    on("reason").addEventListener("input", () => (desk.reason = on("reason").value));
    listen({
      ArrowLeft: commands.previous, ArrowRight: commands.next,
      "Shift+ArrowLeft": () => this.go(desk.frame - second), "Shift+ArrowRight": () => this.go(desk.frame + second),
      Home: () => this.go(0), End: () => this.go(this.review.frames - 1), " ": commands.play, v: commands.preview,
      n: commands.weak, p: () => desk.nextToCheck(-1), ".": () => desk.nextPerson(1), ",": () => desk.nextPerson(-1),
      k: commands.keep, h: commands.hide, x: commands.delete, i: commands.in, o: commands.out, w: commands.whole,
      e: edit, b: commands["add-box"], z: commands["add-zone"], m: commands.mute, r: commands.render,
      "Ctrl+z": commands.undo, "Ctrl+y": commands.redo, "Ctrl+Shift+z": commands.redo, Escape: () => this.cancel(),
    });
  }
}

begin().catch((error) => {
  if (!(error instanceof Refused)) throw error;
  on("failed").textContent = error.message;
  on("failed").hidden = false;
});
