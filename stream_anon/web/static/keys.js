// Keys of the review. A key does what the button of the same name does.

import { isTyping } from "./base.js";

/** Call `commands[name]` for keys; `ArrowLeft` with Shift is `Shift+ArrowLeft`. */
export function listen(commands) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isTyping(event)) return;
    // Space and Enter press the button that has the focus.
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button, a, summary")) return;
    const held = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shifted = event.shiftKey && (held || event.key.length > 1) ? "Shift+" : "";
    const command = commands[`${held}${shifted}${key}`];
    if (!command) return;
    event.preventDefault();
    command();
  });
}
