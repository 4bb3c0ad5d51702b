// How much of the scan is decided.

import { api, byId, percent, t } from "../core.js";
import { scan } from "./at_hand.js";

let measuring = 0;

/** Ask for it and show it, once for several answers that follow close on each other. */
export function measure() {
  clearTimeout(measuring);
  measuring = setTimeout(async () => {
    const found = await api("GET", `/scans/${scan}/progress`).catch(() => null);
    if (!found) return;
    byId("progress-bar").style.setProperty("--share", found.total ? found.decided / found.total : 0);
    const judged = found.right + found.wrong;
    const parts = [t("progress.done", { done: found.decided, total: found.total }), t("progress.left", { left: found.total - found.decided })];
    if (found.per_minute) parts.push(t("progress.rate", { rate: found.per_minute }));
    if (judged) parts.push(t("progress.right", { share: percent(found.right / judged) }));
    byId("progress-text").textContent = parts.join(" · ");
    byId("progress-text").title = found.classes
      .map((c) => t("progress.class", { kind: t(`class.${c.kind}`), decided: c.decided, total: c.total, right: c.right, wrong: c.wrong }))
      .join("\n");
  }, 300);
}
