// What others do meanwhile: the cases that they have open, and what they said of the one at hand.

import { api, byId, page, readOnly } from "../core.js";
import { follow } from "../live.js";
import { now, scan } from "./at_hand.js";
import { notices } from "./case.js";
import { measure } from "./progress.js";

// A case counts as open for a minute after this page last said so.
const SAY_SO_EVERY_MS = 25000;

/** Keep the queue and the case at hand as the others leave them, and say which case is open here. */
export function watch(queue, answering) {
  let seenVerdict = null;
  follow((news) => {
    queue.claim(news.claims.filter((claim) => claim.sitting_id !== Number(page.sitting)));
    if (seenVerdict !== null && news.pulse.verdict !== seenVerdict) {
      measure();
      const item = queue.current;
      if (item && now.view) answering.writing.then(() => look(queue, item));
    }
    seenVerdict = news.pulse.verdict;
    const others = news.claims.filter((c) => c.scan_id === scan && c.rank === now.view?.found.rank && c.sitting_id !== Number(page.sitting)).map((c) => c.reviewer);
    if (now.view && others.join() !== now.view.found.others.join()) {
      now.view.found.others = others;
      byId("case-head").querySelector(".notices")?.replaceWith(notices(now.view.found));
    }
  });
  setInterval(() => {
    if (now.view && !readOnly && document.visibilityState === "visible") api("POST", `/cases/${scan}/${now.view.found.rank}/open`).catch(() => {});
  }, SAY_SO_EVERY_MS);
}

/** Somebody said something: is it about the case that is open? */
async function look(queue, item) {
  const found = await api("GET", `/cases/${scan}/${item.rank}`).catch(() => null);
  if (!found || !now.view || now.view.found.rank !== item.rank || found.seen === now.view.found.seen) return;
  Object.assign(item, { state: found.state, answer: found.answer });
  queue.mark(item);
  Object.assign(now.view.found, { state: found.state, answer: found.answer, answered_by: found.answered_by, others: found.others, history: found.history });
  // What was seen stays what was seen: an answer now is still refused until the reviewer has looked again.
  byId("case-head").querySelector(".notices")?.replaceWith(notices(now.view.found));
}
