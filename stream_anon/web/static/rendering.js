// Rendering a review again: starting it, and how far it is.

import { api, attempt, say, t } from "./base.js";

export class Rendering {
  /** `done()` is called when there is a new result. */
  constructor(job, done) {
    this.path = `/api/v1/jobs/${job}`;
    this.review = `/api/v1/reviews/${job}`;
    this.done = done;
    this.bar = document.getElementById("progress");
    this.problem = document.getElementById("failed");
    this.button = document.getElementById("render");
    this.link = document.getElementById("download");
    this.isRunning = false;
  }

  async start() {
    if (this.isRunning) return;
    const job = await attempt(() => api("POST", `${this.review}/render`));
    if (job) this.follow();
  }

  /** Follow one that is under way already. */
  async resume() {
    const job = await attempt(() => api("GET", this.path));
    if (job && ["waiting", "running"].includes(job.state)) this.follow();
  }

  follow() {
    this.show(true);
    const source = new EventSource(`${this.path}/events`);
    source.onmessage = (event) => {
      const job = JSON.parse(event.data);
      const percent = Math.round(100 * job.progress);
      this.bar.setAttribute("aria-valuenow", percent);
      this.bar.firstElementChild.style.width = `${percent}%`;
      if (["waiting", "running"].includes(job.state)) return;
      source.close();
      this.ended(job);
    };
    source.onerror = () => {
      source.close();
      this.show(false);
      say(t("offline"));
    };
  }

  ended(job) {
    this.show(false);
    if (job.state === "done") {
      say(t("rendered"));
      this.done();
      return;
    }
    this.problem.textContent = t("render_failed", { why: job.error ?? job.state });
    this.problem.hidden = false;
  }

  show(isRunning) {
    this.isRunning = isRunning;
    this.bar.hidden = !isRunning;
    this.button.disabled = isRunning;
    this.problem.hidden = true;
    this.bar.firstElementChild.style.width = "0";
    document.body.classList.toggle("renders", isRunning);
  }
}
