// The cases of the scan: each is fetched once with its pictures, and the next ones before they are wanted.

import { api } from "../core.js";
import * as zoom from "../zoom.js";
import { OF_A_PHOTO } from "./answers.js";
import { scan } from "./at_hand.js";

// By rank: a promise of the case, and its pictures once they are asked for. No browser keeps a face in its own cache, so the page
// holds the pictures of the cases around, and going back asks for none again.
const fetched = new Map();
const KEPT = 12;

/** The case of a rank, fetched once; `anew` fetches it again. */
export function fetchCase(rank, anew = false) {
  if (anew || !fetched.has(rank)) {
    const promise = api("GET", `/cases/${scan}/${rank}`);
    promise.catch(() => fetched.delete(rank));
    fetched.set(rank, { promise, pictures: null });
    if (fetched.size > KEPT) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(rank).promise;
}

/** Fetch cases with their pictures, so that they are there when they are wanted. */
export async function fetchAhead(items) {
  for (const item of items) {
    const found = await fetchCase(item.rank).catch(() => null);
    const kept = fetched.get(item.rank);
    if (found && kept && !kept.pictures) kept.pictures = addresses(found).map((src) => Object.assign(new Image(), { src }));
  }
}

function addresses(found) {
  const whole = (face) => `${face.photo}&side=1024`;
  const sides = [found.a, found.b, found.next_best].flatMap((side) => side?.faces ?? []);
  const pictures = [...found.subject.map(found.kind === "duplicate" ? whole : (face) => face.thumb), ...sides.map((face) => face.thumb)];
  if (OF_A_PHOTO.includes(found.kind) && found.subject.length === 1) {
    zoom.photoOf(found.subject[0].image_id);
    pictures.push(whole(found.subject[0]));
  }
  return pictures;
}

/** What was fetched of a case is no longer so. */
export function forgetCase(rank) {
  fetched.delete(rank);
}
