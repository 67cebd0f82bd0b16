// A review as it is worked on: the frame, who is selected, the range, and what is done to them.

import { labelled, say, t } from "./base.js";
import { Boxes } from "./boxes.js";
import { Edits, boxAt, editNear, rangeOf, withKey } from "./edits.js";

const BY_HAND = "by-hand";
const NEAR = 3;

export class Desk {
  /** `changed(what)` is called with "frame", "choice", "range" or "edits". */
  constructor(job, review, changed) {
    this.review = review;
    this.changed = changed;
    this.frame = 0;
    this.track = null;
    this.key = null;
    this.range = [null, null];
    this.reason = "";
    this.boxes = new Boxes(`/api/v1/reviews/${job}`, review.frames);
    this.lanes = new Map(review.lanes.map((lane) => [lane.track, lane]));
    this.edits = new Edits(job, () => {
      this.boxes.forget();
      changed("edits");
    });
  }

  go(frame) {
    const next = Math.min(this.review.frames - 1, Math.max(0, Math.round(frame)));
    if (next === this.frame) return;
    this.frame = next;
    this.changed("frame");
  }

  choose(track, key = null) {
    this.track = track;
    this.key = key;
    this.changed("choice");
  }

  /** What is in the frame, to draw: whoever was found, and boxes by hand. */
  async items() {
    const frame = this.frame;
    const boxes = await this.boxes.at(frame);
    const found = boxes
      .filter((one) => one.box && this.lanes.has(one.track))
      .map((one) => ({
        key: this.keyOf(one),
        track: one.track,
        label: t("box_of", { label: labelled(this.lanes.get(one.track).label), n: one.track }),
        part: one.label,
        box: one.box,
        isKept: !one.hidden,
        isHand: one.label === BY_HAND,
      }));
    this.edits.list.forEach((edit, index) => {
      if (edit.kind !== "box" || edit.track !== undefined) return;
      const [first, last] = rangeOf(edit, this.review.frames);
      if (first <= frame && frame <= last) {
        found.push({ key: `e${index}`, edit: index, label: t("by_hand"), box: boxAt(edit, frame), isHand: true });
      }
    });
    return { frame, items: found, whole: boxes.some((one) => one.whole !== undefined) };
  }

  /** Stays the same when a box is edited, whose label is another one then. */
  keyOf({ track, label }) {
    const hasSeveral = this.lanes.get(track).labels.length > 1 && label !== BY_HAND;
    return hasSeveral ? `t${track}:${label}` : `t${track}`;
  }

  /** The item that is chosen, among those of the frame. */
  chosenOf(items) {
    const same = items.find((item) => item.key === this.key);
    return same ?? (this.track === null ? undefined : items.find((item) => item.track === this.track));
  }

  mark(end) {
    this.range[end] = this.frame;
    const [from, to] = this.range;
    if (from !== null && to !== null && from > to) this.range[1 - end] = null;
    this.changed("range");
  }

  wholeVideo() {
    this.range = [null, null];
    this.changed("range");
  }

  /** The range and the reason, as an edit has them. */
  asked() {
    const [from, to] = this.range;
    const made = {};
    if (from !== null) made.from = from;
    if (to !== null) made.to = to;
    if (this.reason.trim()) made.reason = this.reason.trim();
    return made;
  }

  /** Keep, hide or delete whoever is selected. */
  judge(kind) {
    if (this.track === null) return say(t("first_select"));
    return this.edits.add({ kind, track: this.track, ...this.asked() });
  }

  mute() {
    if (!this.review.sound) return say(t("no_sound"));
    return this.edits.add({ kind: "mute", ...this.asked() });
  }

  zone(points) {
    return this.edits.add({ kind: "zone", points, ...this.asked() });
  }

  /** A new box: in the range where this frame is in it, else in this frame. */
  async draw(box) {
    const { from, to, reason } = this.asked();
    const isInside = (from ?? 0) <= this.frame && this.frame <= (to ?? this.review.frames - 1);
    const has = isInside && (from !== undefined || to !== undefined);
    const range = has ? { from: from ?? 0, to: to ?? this.review.frames - 1 } : {};
    const edit = withKey({ kind: "box", ...range, ...(reason ? { reason } : {}) }, this.frame, box);
    if (await this.edits.add(edit)) this.choose(null, `e${this.edits.list.length - 1}`);
  }

  /** Where an item is in this frame, from now on. */
  async place(item, box) {
    const frame = this.frame;
    const index = item.edit ?? this.boxEdit(item);
    const list = this.edits.list;
    if (index === -1) {
      const part = this.partOf(item);
      const edit = { kind: "box", track: item.track, ...(part ? { label: part } : {}) };
      if (this.reason.trim()) edit.reason = this.reason.trim();
      if (await this.edits.add(withKey(edit, frame, box))) say(t("box_saved", { n: frame }));
      return;
    }
    const made = withKey(list[index], frame, box);
    const kept = await this.edits.change((all) => all.map((edit, n) => (n === index ? made : edit)));
    if (!kept) return;
    const at = made.keys.findIndex((key) => key.frame === frame);
    const beside = made.keys[at - 1] ?? made.keys[at + 1];
    say(beside ? t("joined", { from: Math.min(beside.frame, frame), to: Math.max(beside.frame, frame) }) : t("box_saved", { n: frame }));
  }

  /** The edit of a track's box that this frame continues. Further away it is a box of its own. */
  boxEdit(item) {
    return editNear(this.edits.list, item.track, this.partOf(item), this.frame, NEAR * this.review.rate);
  }

  /** Which part of the track a box is of, where it has several. */
  partOf(item) {
    const lane = this.lanes.get(item.track);
    return lane && lane.labels.length > 1 && item.part !== BY_HAND ? item.part : null;
  }

  /** Let a box by hand reach this frame. */
  extend(index) {
    const edit = this.edits.list[index];
    const box = boxAt(edit, this.frame);
    return this.edits.change((all) => all.map((one, n) => (n === index ? withKey(edit, this.frame, box) : one)));
  }

  /** The next of those to check, in the order of the timeline. */
  nextToCheck(by) {
    const wanted = this.review.lanes.filter((lane) => lane.weak || lane.short);
    const at = wanted.findIndex((lane) => lane.track === this.track);
    const next = wanted[at === -1 ? (by > 0 ? 0 : wanted.length - 1) : at + by];
    if (!next) return say(t("no_weak"));
    this.choose(next.track);
    this.go(Math.floor((next.first + next.last) / 2));
    return undefined;
  }

  /** The next person of this frame. */
  async nextPerson(by) {
    const { items } = await this.items();
    if (!items.length) return;
    const at = items.indexOf(this.chosenOf(items));
    const next = items[(at + by + items.length) % items.length] ?? items[0];
    this.choose(next.track ?? null, next.key);
  }
}
