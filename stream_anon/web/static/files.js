// Photos and files: send several, watch them, fetch what came of them.

import { api, attempt, say, t } from "./base.js";
import { Job } from "./job.js";
import { upload } from "./upload.js";

const form = document.getElementById("send");
const drop = document.getElementById("drop");
const file = document.getElementById("file");
const list = document.getElementById("jobs");
const jobs = new Map();
const gone = new Set(); // a list that was asked for before may still have them
const OFTEN = 2000;
let waiting = Promise.resolve();
let events = null;

/** The row of a job, made if it is new. */
function row(job) {
  let found = jobs.get(job.id);
  if (!found) {
    found = new Job(job, forget);
    jobs.set(job.id, found);
  }
  return found;
}

function forget(job) {
  gone.add(job.id);
  jobs.get(job.id)?.element.remove();
  jobs.delete(job.id);
  count();
}

function count() {
  document.getElementById("empty").hidden = list.children.length > 0;
}

async function refresh() {
  const before = new Set(jobs.keys());
  const all = await attempt(() => api("GET", "/api/v1/jobs"));
  if (!all) return;
  const found = all.filter((job) => !gone.has(job.id));
  for (const job of found) row(job).update(job);
  const known = new Set(found.map((job) => job.id));
  for (const [id, one] of jobs) if (before.has(id) && !known.has(id)) forget(one.job);
  const sending = [...list.children].filter((one) => one.dataset.sending);
  const wanted = [...sending, ...found.map((job) => jobs.get(job.id).element)];
  wanted.forEach((element, n) => {
    if (list.children[n] !== element) list.insertBefore(element, list.children[n] ?? null);
  });
  count();
  follow(found.find((job) => job.state === "running"));
}

/** Jobs run one after the other: one stream of events for the one that runs. */
function follow(job) {
  if (events?.job === job?.id) return;
  events?.source.close();
  events = null;
  if (!job) return;
  const source = new EventSource(`/api/v1/jobs/${job.id}/events`);
  events = { job: job.id, source };
  const end = () => {
    source.close();
    if (events?.source === source) events = null;
  };
  source.onmessage = (event) => {
    const now = JSON.parse(event.data);
    row(now).update(now);
    if (!["waiting", "running"].includes(now.state)) {
      end();
      refresh();
    }
  };
  source.addEventListener("gone", end);
  source.onerror = end;
}

function fields() {
  const data = new FormData(form);
  const asked = { scope: data.get("scope"), method: data.get("method"), audio: data.get("audio") };
  for (const name of ["audit", "review"]) if (data.get(name)) asked[name] = "true";
  return asked;
}

function send(files) {
  const asked = fields();
  for (const one of files) {
    const shown = new Job({ id: "", name: one.name, state: "uploading", progress: 0, frames: 0, outputs: [] }, forget);
    shown.element.dataset.sending = "yes";
    list.prepend(shown.element);
    count();
    const sending = upload(one, asked, (share) => shown.update({ ...shown.job, progress: share }));
    shown.cancelled = () => sending.abort();
    // One after the other: they would only share the line.
    waiting = waiting.then(async () => {
      const job = await attempt(() => sending.start());
      if (job) shown.element.replaceWith(row(job).element);
      else shown.element.remove();
      count();
      await refresh();
    });
  }
}

file.addEventListener("change", () => {
  send(file.files);
  file.value = "";
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  send([...event.dataTransfer.files]);
});
// A file that misses the place must not take the page away.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
form.addEventListener("submit", (event) => event.preventDefault());

setInterval(() => {
  if (!document.hidden && [...jobs.values()].some((one) => one.isUnderWay)) refresh();
}, OFTEN);
refresh();
