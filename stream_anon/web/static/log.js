// The audit log: the newest entries, and older ones on demand.

import { api, attempt, el } from "./base.js";

const rows = document.getElementById("entries");
const older = document.getElementById("older");
const MOST = 100;
const SHOWN = 12;
let last = null;

async function load() {
  const before = last === null ? "" : `&before=${last}`;
  const found = await attempt(() => api("GET", `/api/v1/audit-log?most=${MOST}${before}`));
  if (!found) return;
  rows.append(...found.map(row));
  last = found.at(-1)?.id ?? last;
  older.hidden = found.length < MOST;
  document.getElementById("empty").hidden = rows.children.length > 0;
}

function row(entry) {
  const when = new Date(entry.time);
  const details = Object.keys(entry.details ?? {}).length ? JSON.stringify(entry.details) : "";
  return el(
    "tr",
    {},
    el("td", { class: "time" }, el("time", { datetime: entry.time }, when.toLocaleString(document.documentElement.lang))),
    el("td", { class: "name" }, entry.who),
    el("td", { class: "name" }, entry.action),
    el("td", { class: "code", title: entry.subject }, entry.subject.slice(0, SHOWN)),
    el("td", { class: "code" }, details),
  );
}

older.addEventListener("click", load);
load();
