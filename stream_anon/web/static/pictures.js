// Which tile gets a stream: a browser has six connections to a server, so most get stills.

const MOST_STREAMS = 3;
const BETWEEN = 500;

export class Pictures {
  constructor() {
    this.tiles = [];
    this.seen = new Set();
    this.watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.seen.add(target);
        else this.seen.delete(target);
      }
      this.settle();
    });
    document.addEventListener("visibilitychange", () => this.settle());
    this.still();
  }

  add(tile) {
    this.tiles.push(tile);
    tile.mode = "none";
    tile.image.addEventListener("error", () => {
      this.change(tile, "none");
      setTimeout(() => this.settle(), 2000);
    });
    this.watch.observe(tile.element);
  }

  forget(tile) {
    this.watch.unobserve(tile.element);
    this.change(tile, "none");
    this.tiles = this.tiles.filter((one) => one !== tile);
  }

  /** Streams for the first tiles that are in view and live, stills for the others. */
  settle() {
    let streams = 0;
    for (const tile of this.tiles) {
      const shows = !document.hidden && this.seen.has(tile.element) && tile.camera.state === "live";
      const mode = !shows ? "none" : streams < MOST_STREAMS ? "stream" : "still";
      if (mode === "stream") streams += 1;
      this.change(tile, mode);
    }
  }

  change(tile, mode) {
    if (tile.mode === mode) return;
    tile.mode = mode;
    tile.image.hidden = mode === "none";
    if (mode === "none") tile.image.removeAttribute("src"); // no old picture stays
    if (mode === "stream") tile.image.src = `/api/v1/cameras/${tile.camera.id}/stream?${Date.now()}`;
  }

  /** One still after the other, for ever. */
  async still() {
    for (;;) {
      for (const tile of this.tiles.filter((one) => one.mode === "still")) {
        const next = new Image();
        next.src = `/api/v1/cameras/${tile.camera.id}/still?${Date.now()}`;
        try {
          await next.decode();
          if (tile.mode === "still") tile.image.src = next.src;
        } catch {
          // It has no picture now.
        }
      }
      await new Promise((done) => setTimeout(done, BETWEEN));
    }
  }
}
