// The edits of a review: kept by the server at once, with undo and redo; and where their boxes are.

import { Refused, api, say, t } from "./base.js";

export class Edits {
  /** `changed()` is called after each change, whoever made it. */
  constructor(job, changed) {
    this.path = `/api/v1/reviews/${job}`;
    this.changed = changed;
    this.list = [];
    this.etag = null;
    this.canUndo = this.canRedo = false;
    this.queue = Promise.resolve();
  }

  load() {
    return this.ask(() => api("GET", `${this.path}/edits`, undefined, { whole: true }));
  }

  /** Replace the list by what `change(list)` makes of it. Says whether that was taken. */
  change(change) {
    return this.ask(() => api("PUT", `${this.path}/edits`, change(structuredClone(this.list)), { etag: this.etag, whole: true }));
  }

  add(edit) {
    return this.change((list) => [...list, edit]);
  }

  remove(index) {
    return this.change((list) => list.filter((_, n) => n !== index));
  }

  undo() {
    return this.ask(() => api("POST", `${this.path}/undo`, undefined, { etag: this.etag, whole: true }));
  }

  redo() {
    return this.ask(() => api("POST", `${this.path}/redo`, undefined, { etag: this.etag, whole: true }));
  }

  /** One request after the other, so that each knows the ETag of the one before. */
  ask(task) {
    const asked = this.queue.then(async () => {
      try {
        this.take(await task());
        return true;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.status !== 412) {
          say(t("error", { why: error.message }));
          return false;
        }
        this.take(await api("GET", `${this.path}/edits`, undefined, { whole: true }));
        say(t("changed"));
        return false;
      }
    });
    this.queue = asked.catch(() => {});
    return asked;
  }

  take({ content, etag }) {
    this.list = content.edits;
    this.etag = etag;
    this.canUndo = content.can_undo;
    this.canRedo = content.can_redo;
    this.changed();
  }
}

/** First and last frame of an edit, both included. */
export function rangeOf(edit, frames) {
  const keys = edit.keys ?? [];
  const first = edit.from ?? keys[0]?.frame ?? 0;
  const last = edit.to ?? keys.at(-1)?.frame ?? frames - 1;
  return [first, last];
}

/** The box of an edit in a frame: on a straight line between two keys. */
export function boxAt(edit, frame) {
  const after = edit.keys.find((key) => key.frame >= frame);
  const before = edit.keys.findLast((key) => key.frame <= frame);
  if (!after || !before || after === before) return (after ?? before).box;
  const share = (frame - before.frame) / (after.frame - before.frame);
  return before.box.map((value, n) => (1 - share) * value + share * after.box[n]);
}

/** An edit whose box is `box` in `frame`, which it reaches then. */
export function withKey(edit, frame, box) {
  const keys = (edit.keys ?? []).filter((key) => key.frame !== frame);
  keys.push({ frame, box: box.map((value) => Math.round(value * 10) / 10) });
  keys.sort((a, b) => a.frame - b.frame);
  const made = { ...edit, keys };
  if (made.from !== undefined) made.from = Math.min(made.from, frame);
  if (made.to !== undefined) made.to = Math.max(made.to, frame);
  return made;
}

/** The last edit of a track's box that reaches a frame, or comes as near as `near`; -1 for none. */
export function editNear(list, track, label, frame, near) {
  return list.findLastIndex((edit) => {
    if (edit.kind !== "box" || edit.track !== track || (edit.label ?? null) !== label) return false;
    const [first, last] = rangeOf(edit, Infinity);
    return frame >= first - near && frame <= last + near;
  });
}
