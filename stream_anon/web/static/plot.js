// A small plot of a camera's last minutes: frames a second as a line, latency behind it.

import { el, t } from "./base.js";

const WIDE = 300;
const HIGH = 44;
const SPAN = 300;
const LEAST = 60;

/** An SVG of points [{t, fps, latency_ms, hidden_whole}], the newest at the right. */
export function plot(points) {
  const now = points.at(-1) ?? {};
  const label = t("plot", { fps: round(now.fps), ms: round(now.latency_ms) });
  const svg = el("svg", { class: "plot", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  if (points.length < 2) return svg;
  const end = now.t;
  const span = Math.min(SPAN, Math.max(LEAST, end - points[0].t));
  const x = (p) => ((p.t - end) / span + 1) * WIDE;
  const scale = (key) => {
    const most = Math.max(1, ...points.map((p) => p[key] ?? 0));
    return (p) => HIGH - 1 - ((p[key] ?? 0) / most) * (HIGH - 4);
  };
  const fps = scale("fps");
  const latency = scale("latency_ms");
  const line = (y) => points.map((p) => `${x(p).toFixed(1)},${y(p).toFixed(1)}`).join(" ");
  svg.append(
    el("polygon", { class: "latency", points: `${x(points[0]).toFixed(1)},${HIGH} ${line(latency)} ${WIDE},${HIGH}` }),
    el("polyline", { class: "fps", points: line(fps) }),
  );
  for (const p of points.filter((one) => one.hidden_whole > 0)) {
    svg.append(el("rect", { class: "hidden", x: (x(p) - 1).toFixed(1), y: 0, width: 2, height: 5 }));
  }
  return svg;
}

/** A figure for display. */
export function round(value) {
  if (value === null || value === undefined) return "–";
  return value < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}
