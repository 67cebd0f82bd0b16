// The page of cameras: a tile for each, kept up to date by server-sent events.

import { api, attempt, say, t } from "./base.js";
import { openCamera } from "./camera_form.js";
import { Pictures } from "./pictures.js";
import { Tile } from "./tile.js";

const tiles = new Map();
const place = document.getElementById("tiles");
const isOperator = place.dataset.operator === "yes";
const pictures = new Pictures();
const HISTORY = 4000;
const AGAIN = 3000;

function show(cameras) {
  const known = new Set(cameras.map((camera) => camera.id));
  for (const [id, tile] of tiles) {
    if (known.has(id)) continue;
    pictures.forget(tile);
    tile.element.remove();
    tiles.delete(id);
  }
  for (const camera of cameras) {
    let tile = tiles.get(camera.id);
    if (!tile) {
      tile = new Tile(camera, isOperator, act);
      tiles.set(camera.id, tile);
      place.append(tile.element);
      pictures.add(tile);
      history(tile);
    }
    tile.update(camera);
  }
  pictures.settle();
  document.getElementById("empty").hidden = cameras.length > 0;
}

async function act(what, camera) {
  const path = `/api/v1/cameras/${camera.id}`;
  if (what === "settings") return openCamera(camera, refresh);
  if (what === "remove") {
    if (!confirm(t("confirm_remove", { name: camera.name }))) return;
    await attempt(() => api("DELETE", path));
  } else {
    await attempt(() => api("POST", `${path}/${what}`));
  }
  await refresh();
}

async function refresh() {
  const cameras = await attempt(() => api("GET", "/api/v1/cameras"));
  if (cameras) show(cameras);
}

async function history(tile) {
  try {
    tile.plot(await api("GET", `/api/v1/cameras/${tile.camera.id}/history`));
  } catch {
    // The next round may have it.
  }
}

setInterval(() => {
  if (!document.hidden) for (const tile of tiles.values()) if (tile.camera.state !== "stopped") history(tile);
}, HISTORY);

function listen() {
  const events = new EventSource("/api/v1/cameras/events");
  events.addEventListener("cameras", (event) => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return say(t("offline"));
    return attempt(() => api("GET", "/api/v1/session")).then((who) => {
      if (who) setTimeout(listen, AGAIN);
      else setTimeout(() => location.assign("/"), AGAIN); // to the login, where that has ended
    });
  });
}

const add = document.getElementById("add");
add?.addEventListener("click", () => openCamera(null, refresh));

const toggle = document.getElementById("switch");
toggle?.addEventListener("click", async () => {
  const on = toggle.getAttribute("aria-checked") !== "true";
  if (!on && !confirm(t("turn_off"))) return;
  if (await attempt(() => api("POST", "/config", { anonymization: on }))) location.reload();
});

listen();
