// What every module needs: text, elements, the API, and small kept things.

const texts = JSON.parse(document.getElementById("text").textContent);

/** A sentence of the catalogue with its `{names}` filled in. */
export function t(key, values = {}) {
  const text = (values.count === 1 && texts[`${key}.one`]) || (texts[key] ?? key);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** An element: `h("button.small", {onclick}, "text", other)`. Text is always text, never markup. */
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && !["list", "form", "role", "part"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** What the page was told by the server: the scan, whether anything may be written. */
export const page = document.body.dataset;

/** What an answer says of a finding of this class, in a word. */
export const said = (kind, answer) =>
  t(["unlabelled", "newcomer"].includes(kind) && ["same", "wrong-identity"].includes(answer) ? `said.outside.${answer}` : `said.${answer}`);

/** The answer as it will stand: of what has no label, who it is or that it stays without one. */
export const stored = (kind, answer) =>
  (["unlabelled", "newcomer"].includes(kind) ? { same: "wrong-identity", different: "same" }[answer] : null) ?? answer;

/** The first name of a finding in the queue; what has no label is called by what it is. */
export const nameOf = (item) => item.a ?? t(item.kind === "newcomer" ? "outside.newcomer" : "outside.no_label");
/** Whose face it is, as a link where `link` says so: of somebody else in a photo only whose photo it is. */
export function whose(face, link = true) {
  if (!face.identity) return h("span.muted", {}, t("photo.no_label"));
  const name = link ? h("a", { href: `/identity/${face.identity_id}` }, face.identity) : h("span", {}, face.identity);
  return face.bystander ? h("span.bystander", { title: t("face.bystander_hint") }, `${t("face.bystander")} `, name) : name;
}

export const readOnly = page.readOnly === "true";

export class Refused extends Error {
  constructor(status, body) {
    super(body.message ?? t("error.unknown"));
    this.status = status;
    this.body = body;
  }
}

/** Ask the API; an answer that is none becomes a Refused with its sentence. */
export async function api(method, path, body, raw) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = page.csrf;
  if (body !== undefined && !raw) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api${path}`, { method, headers, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)) });
  } catch {
    throw new Refused(0, { code: "away", message: t("error.away") });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

/** Say something to a screen reader. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** A note at the lower edge, with what can be done about it; it goes by itself. */
export function toast(text, actions = [], seconds = 6) {
  const box = h("div.toast", { role: "status" }, h("span", {}, text));
  const close = () => box.remove();
  // Said once more, it takes the place of what was said before.
  if (!actions.length) [...byId("toasts").children].filter((one) => one.firstChild.textContent === text).forEach((one) => one.remove());
  for (const [label, act] of actions) box.append(h("button", { type: "button", onclick: () => (close(), act()) }, label));
  box.append(h("button.quiet", { type: "button", "aria-label": t("close"), onclick: close }, "×"));
  byId("toasts").append(box);
  if (seconds) setTimeout(close, seconds * 1000);
  return close;
}

/** Something small that stays in this browser. */
export const kept = {
  get(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`facedb.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`facedb.${name}`, JSON.stringify(value));
    } catch {
      // Then it lasts as long as the page.
    }
  },
};

export const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));
export const percent = (value) => `${Math.round(100 * value)} %`;
/** How sure a finding is; a look-alike says that two are apart, and its confidence how likely they are one. */
export const sure = (kind, confidence) => (kind === "look-alike" ? t("case.apart", { share: percent(confidence) }) : percent(confidence));
export const bytes = (value) =>
  value < 1000 ? `${value} B` : value < 1e6 ? `${(value / 1000).toFixed(value < 1e5 ? 1 : 0)} kB` : `${(value / 1e6).toFixed(1)} MB`;
export const pixels = (face) => (face.width ? `${face.width} × ${face.height}` : "–");
export const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);

/** Open a dialog; the promise is what it was closed with. */
export function open(dialog, focus) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove(), { once: true });
  dialog.showModal();
  focus?.focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

export function dialog(title, className = "") {
  const id = `title-${Math.random().toString(36).slice(2)}`;
  const box = h(`dialog${className ? `.${className}` : ""}`, { "aria-labelledby": id });
  box.append(
    h("header", {}, h("h2", { id }, title), h("button.quiet", { type: "button", "aria-label": t("close"), onclick: () => box.close() }, "×")),
  );
  // A click beside it closes it, as everybody expects.
  box.addEventListener("click", (event) => event.target === box && box.close());
  return box;
}
