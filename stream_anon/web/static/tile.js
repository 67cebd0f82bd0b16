// One camera: its picture, figures, plot, and what an operator may do with it.

import { el, put, t } from "./base.js";
import { plot, round } from "./plot.js";

const FIGURES = [["fps", "fps"], ["latency_ms", "latency"], ["people", "people"], ["hidden_whole", "hidden_whole"]];

export class Tile {
  /** `act(what, camera)` is called for buttons. */
  constructor(camera, isOperator, act) {
    this.camera = camera;
    this.image = el("img", { alt: t("picture_of", { name: camera.name }), hidden: true });
    this.words = el("p");
    this.off = el("p", { class: "off", hidden: true }, t("redaction_off"));
    this.name = el("span");
    this.state = el("span", { class: "state" });
    this.figures = new Map(FIGURES.map(([key]) => [key, el("dd")]));
    this.reason = el("p", { class: "reason", hidden: true });
    this.plotted = el("div", { class: "plotted" });
    this.buttons = el("div", { class: "actions" });
    if (isOperator) {
      for (const what of ["settings", "start", "stop", "restart", "remove"]) {
        this.buttons.append(el("button", { type: "button", "data-act": what, onclick: () => act(what, this.camera) }, t(what)));
      }
    }
    const figures = el("dl", {}, ...FIGURES.map(([key, word]) => el("div", {}, el("dt", {}, t(word)), this.figures.get(key))));
    this.element = el(
      "article",
      { class: "card tile", "aria-label": camera.name, "data-camera": camera.id },
      el("div", { class: "picture" }, this.words, this.image, this.off),
      el("div", { class: "inside" }, el("h2", {}, this.name, this.state), this.reason, figures, this.plotted, this.buttons),
    );
  }

  update(camera) {
    this.camera = camera;
    put(this.name, camera.name);
    put(this.state, t(`state_${camera.state}`));
    this.state.className = `state ${camera.state}`;
    const isLive = camera.state === "live";
    for (const [key, place] of this.figures) put(place, isLive || key === "hidden_whole" ? figure(key, camera[key]) : "–");
    put(this.reason, camera.reason ?? "");
    this.reason.hidden = !camera.reason;
    this.off.hidden = camera.anonymization !== false;
    put(this.words, isLive ? "" : `${t("no_picture")} · ${t(`state_${camera.state}`)}`);
    const isOff = camera.state === "stopped";
    for (const button of this.buttons.children) {
      const what = button.dataset.act;
      button.hidden = (what === "start" && !isOff) || ((what === "stop" || what === "restart") && isOff);
    }
  }

  plot(points) {
    this.plotted.replaceChildren(plot(points));
  }
}

function figure(key, value) {
  const text = round(value);
  return key === "latency_ms" && text !== "–" ? `${text} ms` : text;
}
