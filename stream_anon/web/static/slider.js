// Before and after, one over the other: a slider moves the edge between them.

import { el, t } from "./base.js";

/** Two pictures, or two videos that play together. */
export function slider(before, after, isVideo) {
  const make = (src, word) =>
    isVideo
      ? el("video", { src, muted: true, loop: true, playsinline: true, preload: "auto", "aria-label": t(word) })
      : el("img", { src, alt: t(word) });
  const [one, other] = [make(before, "before"), make(after, "after")];
  const sides = el("div", { class: "sides" }, one, other);
  const range = el("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": t("slider") });
  range.addEventListener("input", () => sides.style.setProperty("--cut", `${range.value}%`));
  sides.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons) return;
    const box = sides.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    range.dispatchEvent(new Event("input"));
  });
  const ends = el("div", { class: "ends" }, el("span", {}, t("before")), el("span", {}, t("after")));
  return el("div", { class: "slider" }, sides, range, ends, isVideo ? together(one, other) : null);
}

/** A button that plays both; the one on top leads. */
function together(follower, leader) {
  for (const video of [leader, follower]) video.muted = true;
  const button = el("button", { type: "button" }, t("play"));
  button.addEventListener("click", () => (leader.paused ? leader.play() : leader.pause()));
  leader.addEventListener("play", () => {
    button.textContent = t("pause");
    follower.play();
  });
  leader.addEventListener("pause", () => {
    button.textContent = t("play");
    follower.pause();
    follower.currentTime = leader.currentTime;
  });
  leader.addEventListener("timeupdate", () => {
    if (Math.abs(leader.currentTime - follower.currentTime) > 0.15) follower.currentTime = leader.currentTime;
  });
  return button;
}
