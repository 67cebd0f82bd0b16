// The pictures of a review: the newest one that was asked for, and no other ones.

import { Refused, say, t } from "./base.js";

export class Frames {
  constructor(image, path) {
    this.image = image;
    this.path = path;
    this.wanted = null;
    this.loading = null;
    this.url = null;
  }

  /** Show a frame; resolves when it, or one that was asked for later, is there. */
  show(n, redacted, version) {
    this.wanted = { n, redacted, version };
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  async load() {
    while (this.wanted) {
      const { n, redacted, version } = this.wanted;
      this.wanted = null;
      try {
        await this.fetched(`${this.path}/frames/${n}?v=${encodeURIComponent(version)}${redacted ? "&redacted=true" : ""}`);
        this.image.alt = t("picture_at", { n });
      } catch (error) {
        this.image.removeAttribute("src"); // rather none than another frame's
        say(error instanceof Refused ? t("error", { why: error.message }) : t("offline"));
      }
    }
  }

  async fetched(path) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Refused(answer.status, (await answer.json().catch(() => ({}))).error ?? answer.status);
    const url = URL.createObjectURL(await answer.blob());
    const before = this.url;
    this.url = url;
    this.image.src = url;
    await this.image.decode();
    if (before) URL.revokeObjectURL(before);
  }
}
