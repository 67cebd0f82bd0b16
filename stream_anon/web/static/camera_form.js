// Adding a camera, and changing what is hidden in one; zones hold as soon as they are drawn.

import { Refused, api, el, t } from "./base.js";
import { ZoneEditor } from "./zones.js";

const dialog = document.getElementById("camera");
const form = dialog?.querySelector("form");
const problem = dialog?.querySelector(".problem");
let camera = null;
let changed = () => {};
let zones = null;

/** Open the form for a camera; for a new one where there is none. `done` is called after changes. */
export function openCamera(which, done) {
  camera = which;
  changed = done;
  form.reset();
  refuse("");
  const title = document.getElementById("camera-title");
  title.textContent = camera ? `${title.dataset.old}: ${camera.name}` : title.dataset.new;
  form.name.value = camera?.name ?? "";
  form.source.value = "";
  form.source.required = !camera;
  form.source.placeholder = camera?.source ?? "";
  const settings = Object.entries(camera?.settings ?? {});
  const own = Object.fromEntries(settings.filter(([name]) => camera.own.includes(name)));
  pick(form.scope, [own.scope ?? ""].flat().join(","));
  pick(form.method, own.method ?? "");
  form.rules.value = Object.entries(own.rules ?? {})
    .map(([name, rule]) => `${name} = ${rule.method ?? rule}`)
    .join("\n");
  openZones(camera?.settings.zones ?? []);
  dialog.showModal();
}

function pick(select, value) {
  if (![...select.options].some((one) => one.value === value)) select.append(el("option", { value }, value));
  select.value = value;
}

function openZones(given) {
  const fields = document.getElementById("zones");
  fields.hidden = !camera;
  zones?.close();
  zones = null;
  if (!camera) return;
  const id = camera.id;
  zones = new ZoneEditor(
    document.getElementById("zones-picture"),
    document.getElementById("zones-list"),
    `/api/v1/cameras/${id}/still?${Date.now()}`,
    given,
    () => form["zone-mode"].value,
    (list) => sent(() => api("PUT", `/api/v1/cameras/${id}/zones`, list)),
  );
}

/** Rules as the API has them, from lines such as `face = fill`. */
function rules() {
  const found = {};
  for (const line of form.rules.value.split("\n").filter((one) => one.trim())) {
    const match = line.match(/^\s*([\w-]+)\s*=\s*"?([\w-]+)"?\s*$/);
    if (!match) throw new Refused(422, t("rules_wrong"));
    found[match[1]] = { method: match[2] };
  }
  return found;
}

function settings() {
  const wanted = { scope: form.scope.value || null, method: form.method.value || null };
  if (wanted.scope?.includes(",")) wanted.scope = wanted.scope.split(",");
  const named = rules();
  wanted.rules = Object.keys(named).length ? named : null;
  return wanted;
}

async function save() {
  if (!camera) {
    const given = Object.entries(settings()).filter(([, value]) => value !== null);
    await api("POST", "/api/v1/cameras", { name: form.name.value, source: form.source.value, settings: Object.fromEntries(given) });
    return;
  }
  const changes = { settings: settings() };
  if (form.name.value !== camera.name) changes.name = form.name.value;
  if (form.source.value) changes.source = form.source.value;
  await api("PATCH", `/api/v1/cameras/${camera.id}`, changes);
}

async function sent(task) {
  try {
    await task();
    refuse("");
    changed();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(error.message);
    return false;
  }
}

function refuse(line) {
  problem.textContent = line;
  problem.hidden = !line;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await sent(save)) dialog.close();
});
dialog?.querySelector("[data-close]").addEventListener("click", () => dialog.close());
dialog?.addEventListener("close", () => zones?.close());
