// The keyboard: one key for each action, rebindable, kept in this browser.

import { dialog, h, kept, open, t } from "../core.js";

const ARROWS = { next: ["ArrowRight", "ArrowDown"], back: ["ArrowLeft", "ArrowUp"] };

/** Action -> key. Arrows go on and back and nothing else, so they are not among these. */
export const DEFAULTS = {
  same: "s", different: "d", unsure: "u", wrong: "w", duplicate: "x", other: "o",
  undo: "Backspace", next_open: "n", face_next: "j", face_back: "k", select: " ", move: "g", target: "t",
  first: "1", second: "2", zoom: "z", flip: "f", alike: "m", note: "e", tick: "v", bulk: "b", help: "?",
};

let bindings = { ...DEFAULTS, ...kept.get("keys", {}) };

export const keyOf = (action) => bindings[action];

/** A key as it is printed on it. */
export function keyName(key) {
  if (key === " ") return t("key.space");
  if (key === "Backspace") return "⌫";
  return key.length === 1 ? key.toUpperCase() : key;
}

// A field of a dialog that was just closed keeps the focus for a moment, and the next key is no longer meant for it.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]") && !target.closest("dialog:not([open])");

/** Call `act(action, event)` for every key that has a meaning; an `act` that returns false leaves the key to the browser. */
export function listen(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "z" && !typing(event.target)) {
      if (act("undo", event) !== false) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const action = actionOf(event.key);
    if (action && act(action, event) !== false) event.preventDefault();
  });
}

function actionOf(key) {
  for (const [action, keys] of Object.entries(ARROWS)) if (keys.includes(key)) return action;
  const wanted = key.length === 1 ? key.toLowerCase() : key;
  return Object.keys(bindings).find((action) => bindings[action] === wanted);
}

/** The list of keys, where each can be given another one. */
export function help(changed) {
  const box = dialog(t("help.title"), "help");
  const table = h("table", {}, h("caption.hidden", {}, t("help.title")));
  box.append(h("p.muted", {}, t("help.hint")), table);
  box.append(
    h("footer", {},
      h("button", { type: "button", onclick: () => (save({ ...DEFAULTS }), fill(), changed()) }, t("help.reset")),
      h("button.primary", { type: "button", onclick: () => box.close() }, t("close"))),
  );
  const row = (name, ...keys) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, ...keys));
  function fill(note) {
    const rows = [
      row(t("key.next"), h("kbd", {}, "→"), " ", h("kbd", {}, "↓")),
      row(t("key.back"), h("kbd", {}, "←"), " ", h("kbd", {}, "↑")),
    ];
    for (const action of Object.keys(DEFAULTS)) {
      const button = h("button.key", { type: "button", "aria-label": t("help.rebind", { action: t(`key.${action}`) }) }, keyName(bindings[action]));
      button.addEventListener("click", () => rebind(button, action, (said) => (fill(said), changed())));
      rows.push(row(t(`key.${action}`), button, note?.action === action ? h("span.warn", {}, ` ${note.text}`) : null));
    }
    table.replaceChildren(h("caption.hidden", {}, t("help.title")), h("tbody", {}, ...rows));
  }
  fill();
  return open(box);
}

function rebind(button, action, done) {
  button.textContent = t("help.press");
  button.classList.add("waiting");
  button.addEventListener("keydown", (event) => {
    if (["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return done();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const taken = Object.keys(bindings).find((other) => other !== action && bindings[other] === key);
    if (key.startsWith("Arrow") || key === "Enter" || taken) {
      return done({ action, text: taken ? t("help.taken", { action: t(`key.${taken}`) }) : t("help.fixed") });
    }
    save({ ...bindings, [action]: key });
    return done();
  });
}

function save(wanted) {
  bindings = wanted;
  kept.set("keys", bindings);
}
