// The bar below the case: the five answers, what each means here, and who is meant.

import { byId, readOnly, t } from "../core.js";
import { ANSWERS, wish } from "./answers.js";
import { now } from "./at_hand.js";
import { keyName, keyOf } from "./keys.js";

/** Show what each answer means of the case at hand. */
export function bar() {
  const kind = now.view?.found.kind ?? "none";
  for (const action of Object.keys(ANSWERS)) {
    const button = byId(`answer-${action}`);
    const possible = Boolean(now.view) && !readOnly && wish(action) !== null;
    button.setAttribute("aria-disabled", String(!possible));
    button.querySelector(".hint").textContent = button.title = now.view ? hint(action, kind) : "";
    button.querySelector("kbd").textContent = keyName(keyOf(action));
  }
  for (const action of ["undo", "flip", "help", "target", "move", "note", "bulk"]) {
    const shown = document.querySelector(`[data-key="${action}"]`);
    if (shown) shown.textContent = keyName(keyOf(action));
  }
  const selected = now.view?.faces.selection.size ?? 0;
  byId("selected").textContent = selected ? t("selected", { count: selected }) : "";
  byId("target").hidden = !now.view || (!["stray", "mixed", "photo", "unlabelled", "newcomer"].includes(kind) && !selected);
  byId("target-name").textContent = now.target ? (now.target.id ? now.target.name : t("target.new", { name: now.target.name })) : t("target.nobody");
  byId("move").hidden = kind !== "mixed";
  byId("flip").hidden = kind !== "duplicate";
  byId("note").classList.toggle("set", Boolean(now.note));
}

/** What an answer means here, in a few words. */
function hint(action, kind) {
  const selected = now.view.faces.selection.size;
  if (selected && kind !== "mixed" && action !== "unsure") return t(`hint.selected.${action}`);
  const where = now.target ? now.target.name : t("target.nobody_short");
  return t(`hint.${kind}.${action}`, { a: now.view.found.a?.name ?? "", b: now.view.found.b?.name ?? "", target: where });
}

/** Light the button of an answer up for a moment, as a key was pressed for it. */
export function flash(action) {
  const button = byId(`answer-${action}`);
  if (!button) return;
  button.classList.remove("flash");
  void button.offsetWidth;
  button.classList.add("flash");
}
