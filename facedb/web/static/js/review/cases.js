// The cases of the scan: each is fetched once, and the next ones before they are wanted.

import { api } from "../core.js";
import * as zoom from "../zoom.js";
import { OF_A_PHOTO } from "./answers.js";
import { scan } from "./at_hand.js";

const fetched = new Map();

/** The case of a rank, fetched once; `anew` fetches it again. */
export function fetchCase(rank, anew = false) {
  if (anew || !fetched.has(rank)) {
    const promise = api("GET", `/cases/${scan}/${rank}`);
    promise.catch(() => fetched.delete(rank));
    fetched.set(rank, promise);
    if (fetched.size > 12) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(rank);
}

/** Fetch the next cases with their pictures, so that they are there when they are wanted. */
export async function fetchAhead(items) {
  for (const item of items) {
    const found = await fetchCase(item.rank).catch(() => null);
    if (!found) continue;
    const size = found.kind === "duplicate" ? (face) => `${face.photo}&side=1024` : (face) => face.thumb;
    if (OF_A_PHOTO.includes(found.kind) && found.subject.length === 1) {
      zoom.photoOf(found.subject[0].image_id);
      new Image().src = `${found.subject[0].photo}&side=1024`;
    }
    for (const face of [...found.subject, ...(found.a?.faces ?? []), ...(found.b?.faces ?? []), ...(found.next_best?.faces ?? [])]) {
      new Image().src = found.subject.includes(face) ? size(face) : face.thumb;
    }
  }
}

/** What was fetched of a case is no longer so. */
export function forgetCase(rank) {
  fetched.delete(rank);
}
