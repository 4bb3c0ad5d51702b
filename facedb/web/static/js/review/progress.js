// How much of the scan is decided.

import { api, byId, percent, t } from "../core.js";
import { scan } from "./at_hand.js";

// What was measured last, and the answers that it does not know of yet: on their way, or written since it was asked.
let measured = null;
let unsent = 0;
let written = 0;
let asking = false;
let again = false;

/** An answer was given that makes so many more findings decided: count it before it is written. */
export function expect(count) {
  unsent += count;
  show();
}

/** The answer was written, or refused. */
export function arrived(count, done) {
  unsent -= count;
  if (done) written += count;
  show();
}

/** Ask for it and show it; who asks meanwhile is asked for once more. */
export async function measure() {
  again = true;
  if (asking) return;
  asking = true;
  while (again) {
    again = false;
    const before = written;
    const found = await api("GET", `/scans/${scan}/progress`).catch(() => null);
    if (!found) continue;
    measured = found;
    written -= before;
    show();
    byId("progress-text").dataset.written = found.decided;
  }
  asking = false;
}

function show() {
  if (!measured) return;
  const { total, right, wrong, per_minute: rate, classes } = measured;
  const decided = Math.min(Math.max(measured.decided + unsent + written, 0), total);
  byId("progress-bar").style.setProperty("--share", total ? decided / total : 0);
  const parts = [t("progress.done", { done: decided, total }), t("progress.left", { left: total - decided })];
  if (rate) parts.push(t("progress.rate", { rate }));
  if (right + wrong) parts.push(t("progress.right", { share: percent(right / (right + wrong)) }));
  byId("progress-text").textContent = parts.join(" · ");
  byId("progress-text").title = classes
    .map((c) => t("progress.class", { kind: t(`class.${c.kind}`), decided: c.decided, total: c.total, right: c.right, wrong: c.wrong }))
    .join("\n");
}
