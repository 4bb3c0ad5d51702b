// The five answers: what each says of the case at hand, and where wrong images would go.

import { now } from "./at_hand.js";
import { regrouped } from "./case.js";

export const ANSWERS = { same: "same", different: "different", unsure: "unsure", wrong: "wrong-identity", duplicate: "duplicate" };
// Findings about one photo.
export const OF_A_PHOTO = ["stray", "photo"];

/** Where wrong images would go unless the reviewer says otherwise. */
export function proposal(found) {
  if (found.kind === "unlabelled") return { id: found.a.identity_id, name: found.a.name };
  if (found.kind === "newcomer") return { name: found.proposed };
  if (!["stray", "mixed", "photo"].includes(found.kind)) return null;
  if (found.b && found.b.dataset === found.a.dataset) return { id: found.b.identity_id, name: found.b.name };
  return found.kind === "mixed" ? { name: `${found.a.name} 2` } : null;
}

/** What an answer says, as it is sent; null where it says nothing of this case. */
export function wish(action) {
  const { found, faces } = now.view;
  const answer = ANSWERS[action];
  const said = { answer, seen: found.seen };
  const selected = [...faces.selection];
  if (now.note) said.note = now.note;
  if (found.kind === "mixed") {
    if (action === "duplicate") return null;
    if (["wrong", "different"].includes(action)) {
      if (!now.view.group.size) return null;
      if (regrouped(now.view)) said.faces = [...now.view.group];
    }
  } else if (selected.length) {
    if (action === "wrong" || (action === "duplicate" ? selected.length > 1 : selected.length === 2)) said.faces = selected;
    else return null;
  } else if (found.kind === "duplicate") {
    if (action === "wrong") return null;
    if (action === "duplicate" && now.view.chosen) said.stays = now.view.stays;
  } else if (![...OF_A_PHOTO, "unlabelled"].includes(found.kind) && (action === "duplicate" || (action === "wrong" && found.kind !== "newcomer"))) {
    return null;
  }
  const named = action === "wrong" || (action === "same" && found.kind === "newcomer" && !said.faces);
  if (named && now.target) Object.assign(said, now.target.id ? { target_id: now.target.id } : { target_name: now.target.name });
  if (action === "same" && now.view.wins && !said.faces) said.target_id = now.view.wins;
  return said;
}
