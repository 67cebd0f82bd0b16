// What all pages share: words, the API, elements, and saying what happened.

const words = JSON.parse(document.body.dataset.words);

/** A text in the page's language, with its {places} filled in. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** What a detector calls a part, in the page's language. */
export function labelled(name) {
  return words[`l_${name}`] ?? name;
}

/** An answer that was an error: `status`, and one line in `message`. */
export class Refused extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

/** Ask the API. Gives the answer's JSON, with its ETag where `whole` is set. */
export async function api(method, path, body, { etag, whole } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (etag) headers["if-match"] = etag;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, t("offline"));
  }
  if (answer.status === 401) throw new Refused(401, t("gone"));
  const content = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, content?.error ?? String(answer.status));
  return whole ? { content, etag: answer.headers.get("etag") } : content;
}

let quiet;
/** Show a line for a while, and read it out. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.add("seen");
  clearTimeout(quiet);
  quiet = setTimeout(() => place.classList.remove("seen"), 5000);
}

/** Do something of the user's; whatever is refused is said. Gives undefined then. */
export async function attempt(task) {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.status === 401 || error.status === 0 ? error.message : t("error", { why: error.message }));
    return undefined;
  }
}

const SVG = "http://www.w3.org/2000/svg";
const IN_SVG = new Set(["svg", "rect", "polygon", "polyline", "path", "circle", "line", "g", "title"]);

/** An element: its attributes, handlers as `onclick`, and what is in it. Texts are never markup. */
export function el(name, attributes = {}, ...inside) {
  const made = IN_SVG.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

/** Change a text only where it is another one, so that screen readers stay calm. */
export function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Seconds as 0:05 or 1:02:03. */
export function clock(seconds) {
  const all = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Whether keys go into a field, and are no commands. */
export function isTyping(event) {
  return event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select") !== null;
}
