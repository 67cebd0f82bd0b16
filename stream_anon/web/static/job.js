// One job on the page: how far it is, and what came of it.

import { api, attempt, clock, el, put, t } from "./base.js";
import { slider } from "./slider.js";

const UNDER_WAY = ["uploading", "waiting", "running"];
const NAMES = { result: "result", report: "report", audit: "audit", "audit page": "audit_page", tracks: "tracks" };

export class Job {
  /** `forget(job)` is called when it was deleted. */
  constructor(job, forget) {
    this.forget = forget;
    this.cancelled = null;
    this.state = el("span", { class: "state" });
    this.figures = el("span", { class: "soft figures" });
    this.fill = el("i");
    this.bar = el("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": t("progress", { name: job.name }) }, this.fill);
    this.problem = el("p", { class: "problem", hidden: true });
    this.links = el("div", { class: "actions" });
    this.compared = el("div");
    this.element = el(
      "li",
      { class: "card job", "data-job": job.id },
      el("div", { class: "first" }, el("h3", {}, job.name || job.id), this.figures, this.state),
      this.bar,
      this.problem,
      this.links,
      this.compared,
    );
    this.shownFor = "";
    this.update(job);
  }

  get isUnderWay() {
    return UNDER_WAY.includes(this.job.state);
  }

  update(job) {
    this.job = job;
    this.element.className = `card job ${job.state}`;
    const isRendering = job.state === "running" && job.task && job.task !== "redact";
    put(this.state, t(isRendering ? "rendering" : job.state));
    put(this.figures, this.told());
    const share = Math.round(100 * job.progress);
    this.bar.hidden = !this.isUnderWay;
    this.bar.setAttribute("aria-valuenow", share);
    this.fill.style.width = `${share}%`;
    const line = job.error || (job.outcome?.complete === false ? t("incomplete") : "");
    put(this.problem, line);
    this.problem.hidden = !line;
    const key = JSON.stringify([job.state, job.outputs, job.review, job.original]);
    if (key !== this.shownFor) this.offer();
    this.shownFor = key;
  }

  told() {
    const { state, frames, total, seconds_left: left, kind, progress } = this.job;
    if (state === "uploading") return `${Math.round(100 * progress)} %`;
    const said = [];
    if (kind !== "photo" && frames && state === "running" && total) said.push(t("frames_of", { frames, total }));
    else if (kind !== "photo" && frames) said.push(t("frames_only", { frames }));
    if (state === "running" && left) said.push(t("left", { time: clock(left) }));
    return said.join(" · ");
  }

  /** Buttons and links for what there is. */
  offer() {
    const { id, outputs, review, original, state } = this.job;
    const path = `/api/v1/jobs/${id}`;
    const made = outputs.map(({ name, url }) =>
      el("a", { class: name === "result" ? "button main" : "button", href: name === "result" ? `${url}?download=true` : url, download: "" }, t(NAMES[name] ?? name)),
    );
    if (review) made.push(el("a", { class: "button", href: review }, t("review")));
    this.compared.replaceChildren();
    if (original && state === "done") made.push(this.comparing(original, path));
    if (this.isUnderWay) made.push(el("button", { type: "button", onclick: () => this.cancel(path) }, t("cancel")));
    else made.push(el("button", { type: "button", class: "quiet", onclick: () => this.remove(path) }, t("delete")));
    this.links.replaceChildren(...made);
  }

  comparing(original, path) {
    const button = el("button", { type: "button", "aria-expanded": "false" }, t("compare"));
    button.addEventListener("click", () => {
      const opens = !this.compared.hasChildNodes();
      button.setAttribute("aria-expanded", opens);
      this.compared.replaceChildren(...(opens ? [slider(original, `${path}/result`, this.job.kind === "video")] : []));
    });
    return button;
  }

  async cancel(path) {
    if (this.cancelled) return this.cancelled();
    const now = await attempt(() => api("POST", `${path}/cancel`));
    if (now) this.update(now);
  }

  async remove(path) {
    if ((await attempt(() => api("DELETE", path))) !== undefined) this.forget(this.job);
  }
}
