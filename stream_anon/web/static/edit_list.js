// The list of edits: what they are, where, and buttons for each.

import { el, t } from "./base.js";
import { rangeOf } from "./edits.js";

/** Fill a list. `desk` is worked on by the buttons; `chosen` is the key of the box that is chosen. */
export function showEdits(place, desk, chosen) {
  const rows = desk.edits.list.map((edit, index) => row(edit, index, desk, chosen));
  place.replaceChildren(...(rows.length ? rows.reverse() : [el("li", { class: "soft" }, place.dataset.none)]));
}

function row(edit, index, desk, chosen) {
  const frames = desk.review.frames;
  const [first, last] = rangeOf(edit, frames);
  const where = first === 0 && last === frames - 1 ? t("everywhere") : t("range", { from: first, to: last });
  const keyed = edit.keys?.length > 1 ? ` · ${t("keyed", { count: edit.keys.length })}` : "";
  const name = edit.kind === "box" && edit.track !== undefined ? "e_box_track" : `e_${edit.kind}`;
  const show = () => {
    desk.choose(edit.track ?? null, edit.kind === "box" && edit.track === undefined ? `e${index}` : null);
    desk.go(first);
  };
  const buttons = [el("button", { type: "button", onclick: show }, t("go_to"))];
  if (edit.kind === "box" && (desk.frame < first || desk.frame > last)) {
    buttons.push(el("button", { type: "button", onclick: () => desk.extend(index) }, t("extend")));
  }
  buttons.push(el("button", { type: "button", "aria-label": t("remove_edit"), onclick: () => desk.edits.remove(index) }, "×"));
  return el(
    "li",
    { class: chosen === `e${index}` ? "chosen" : null, "data-kind": edit.kind },
    el("div", {}, t(name, { n: edit.track }), el("small", { class: "figures" }, `${where}${keyed}`), edit.reason ? el("small", {}, edit.reason) : null),
    el("div", { class: "actions" }, ...buttons),
  );
}
