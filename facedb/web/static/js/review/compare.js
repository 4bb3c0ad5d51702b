// Two photos of a duplicate: beside each other, one over the other, or with a slider between them.

import { h, kept, score, t } from "../core.js";

const MODES = ["beside", "flip", "slider"];
let now = null;

/** The photos with their cards, and the ways to compare them. */
export function compare(faces, cards, found) {
  const [one, other] = faces;
  const overlay = h("div.overlay", { hidden: true },
    h("img", { src: `${one.photo}&side=1024`, alt: one.path, decoding: "async" }),
    other ? h("img.upper", { src: `${other.photo}&side=1024`, alt: other.path, decoding: "async" }) : null,
    h("span.which", { "aria-live": "polite" }));
  const slider = h("input", { type: "range", min: 0, max: 100, value: 50, hidden: true, "aria-label": t("compare.slider") });
  const beside = h("div.copies", {}, ...cards);
  const buttons = MODES.map((mode) => h("button", { type: "button", "aria-pressed": "false", data: { mode }, onclick: () => show(mode) }, t(`compare.${mode}`)));
  const facts = [t("copy.score", { score: score(found.mean_score) })];
  if (found.hash_distance !== null) facts.push(t("copy.hash", { bits: found.hash_distance }));
  const box = h("section.compare", { "aria-label": t("class.duplicate") },
    h("header", {}, h("div.modes", { role: "group", "aria-label": t("compare.label") }, ...buttons), h("span.muted", {}, facts.join(" · "))),
    overlay, slider, beside);
  let upper = false;

  function show(mode) {
    now.mode = mode;
    kept.set("compare", mode);
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mode === mode)));
    overlay.hidden = mode === "beside";
    slider.hidden = mode !== "slider";
    overlay.className = `overlay ${mode}`;
    beside.classList.toggle("small", mode !== "beside");
    turn(false);
  }
  function turn(to) {
    upper = to;
    overlay.classList.toggle("turned", upper);
    const said = { flip: upper ? other?.path : one.path, slider: [one.path, other?.path].filter(Boolean).join(" | ") };
    overlay.querySelector(".which").textContent = said[now.mode] ?? "";
  }
  slider.addEventListener("input", () => overlay.style.setProperty("--at", `${slider.value}%`));
  now = { mode: "beside", flip: () => (now.mode === "flip" ? turn(!upper) : (show("flip"), turn(true))) };
  show(MODES.includes(kept.get("compare")) ? kept.get("compare") : "beside");
  return box;
}

/** Flip between the two photos, if two are on the page. */
export function flip() {
  if (!document.querySelector(".compare")) return false;
  now.flip();
  return true;
}
