// What is hidden in which frame, fetched in stretches and forgotten when the edits change.

import { api } from "./base.js";

const STRETCH = 120;

export class Boxes {
  constructor(path, frames) {
    this.path = path;
    this.frames = frames;
    this.known = new Map();
    this.asked = new Map();
    this.version = 0;
  }

  forget() {
    this.version += 1;
    this.known.clear();
    this.asked.clear();
  }

  /** The boxes of a frame, as the API gives them. */
  async at(frame) {
    for (;;) {
      const first = Math.floor(frame / STRETCH) * STRETCH;
      if (this.known.has(first)) return this.known.get(first)[frame] ?? [];
      const version = this.version;
      if (!this.asked.has(first)) {
        const last = Math.min(first + STRETCH, this.frames) - 1;
        this.asked.set(first, api("GET", `${this.path}/boxes?from=${first}&to=${last}`));
      }
      try {
        const found = await this.asked.get(first);
        if (version === this.version) this.known.set(first, found);
      } finally {
        if (version === this.version) this.asked.delete(first);
      }
    }
  }
}
