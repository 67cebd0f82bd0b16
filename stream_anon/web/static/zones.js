// The zones of a camera: polygons over its redacted picture, and a list of them.

import { el, say, t } from "./base.js";
import { PolygonPen } from "./polygon.js";

export class ZoneEditor {
  /**
   * `mode()` is what a new zone does. `keep(zones)` sends them, and says whether they were taken;
   * those that were not are forgotten.
   */
  constructor(place, list, picture, zones, mode, keep) {
    Object.assign(this, { list, zones, mode, keep });
    this.svg = el("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", tabindex: 0, role: "application", "aria-label": t("zone_canvas"), "aria-describedby": "zones-help" });
    place.replaceChildren(el("img", { src: picture, alt: "" }), this.svg);
    this.shapes = el("g");
    this.svg.append(this.shapes);
    this.pen = new PolygonPen(this.svg, (points) => this.add(points));
    this.show();
  }

  close() {
    this.pen.end();
  }

  add(points) {
    const taken = new Set(this.zones.map((zone) => zone.name));
    let n = this.zones.length + 1;
    while (taken.has(t("zone", { n }))) n += 1;
    return this.change([...this.zones, { name: t("zone", { n }), points, mode: this.mode() }]);
  }

  async change(zones) {
    const before = this.zones;
    this.zones = zones;
    this.show();
    if (await this.keep(zones)) {
      if (zones.length > before.length) say(t("zone_closed"));
    } else {
      this.zones = before;
      this.show();
    }
  }

  show() {
    this.shapes.replaceChildren(
      ...this.zones.map((zone) =>
        el("polygon", { class: `zone ${zone.mode ?? "hide"}`, points: zone.points.map((p) => p.join(",")).join(" ") }, el("title", {}, zone.name)),
      ),
    );
    this.list.replaceChildren(
      ...this.zones.map((zone) =>
        el(
          "li",
          {},
          el("span", {}, `${zone.name} · ${t(`zone_${zone.mode ?? "hide"}`)}`),
          el("button", { type: "button", onclick: () => this.change(this.zones.filter((one) => one !== zone)) }, t("remove")),
        ),
      ),
    );
  }
}
