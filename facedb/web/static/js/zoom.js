// The full photo, with the box of every face that was found in it.

import { api, bytes, dialog, fileName, h, open, pixels, readOnly, score, t, toast, whose } from "./core.js";

let box = null;

export const zoomed = () => box !== null;

export function close() {
  box?.close();
}

const photos = new Map();

/** What is known of a photo, asked once until `anew`. */
export function photoOf(image, anew = false) {
  if (anew || !photos.has(image)) {
    const promise = api("GET", `/photos/${image}`);
    promise.catch(() => photos.delete(image));
    photos.set(image, promise);
    if (photos.size > 40) photos.delete(photos.keys().next().value);
  }
  return photos.get(image);
}

/** Ask of every photo anew. */
export const forget = () => photos.clear();

/**
 * Show the photo of a face; `step(±1)` gives the face before or after it, `undo()` takes the newest decision back, and `beside(face)` gives
 * the face to compare it with, whose photo then stands beside it.
 */
export function zoom(face, step, undo, beside = () => null) {
  close();
  const picture = h("div.picture");
  const second = h("div.picture.beside", { hidden: true });
  const facts = h("aside.facts", { "aria-live": "polite" });
  const mine = (box = dialog(t("zoom.title"), "zoom"));
  const stage = h("div.stage", {}, picture, second, facts);
  mine.append(stage);
  mine.addEventListener("close", () => box === mine && (box = null));
  if (step) {
    mine.step = (by) => {
      const next = step(by);
      if (next) show(next);
    };
  }
  show(face);
  mine.tabIndex = -1;
  return open(mine, mine);

  async function show(shown) {
    face = shown;
    mine.face = shown;
    const other = beside(shown);
    second.hidden = !other;
    stage.classList.toggle("two", Boolean(other));
    for (const [place, one] of [[picture, shown], [second, other]]) {
      if (!one) continue;
      place.replaceChildren(h("img", { src: one.photo, alt: one.path }), other ? h("span.which", {}, fileName(one.path)) : "");
      place.style.setProperty("--ratio", one.width ? one.width / one.height : 1);
    }
    facts.replaceChildren(
      h("p.path", {}, shown.path), h("p.muted", {}, whose(shown, false), ` · ${shown.dataset}`),
      h("p.muted", {}, [pixels(shown), bytes(shown.bytes)].join(" · ")),
      h("p", {}, h("a", { href: `/photo/${shown.image_id}` }, t("zoom.page")), " · ", h("a", { href: `/alike?face=${shown.id}` }, t("zoom.alike"))),
    );
    try {
      const [photo, theirs] = await Promise.all([photoOf(shown.image_id, true), other && photoOf(other.image_id, true)]);
      if (mine.face !== shown) return;
      const taken = (now) => (photos.delete(now.id), undo && toast(t("face.taken_now"), [[t("undo"), undo]]));
      if (theirs) boxes(second, theirs, other.id, taken);
      const said = choosable(photo) ? h("p", {}, t("zoom.choose", { count: photo.faces.length })) : null;
      if (said) facts.append(said);
      else if (photo.faces.length > 1) facts.append(h("p", {}, t("zoom.faces", { count: photo.faces.length })));
      boxes(picture, photo, shown.id, taken);
    } catch (error) {
      toast(error.message);
    }
  }
}

/** Step to the next photo while one is shown. */
export function step(by) {
  box?.step?.(by);
}

/** Whether a person can say which face of a photo stands for its label. */
export const choosable = (photo) =>
  !readOnly && photo.status === "ready" && photo.identity_id !== null && photo.faces.filter((one) => one.embedded).length > 1;

/**
 * Draw the boxes of a photo's faces over it: which one stands for the label, and which one a person took.
 * A click takes another face: by `take(face)`, else by saying so of the photo, whereupon `done(photo)` is called.
 * Where there is nothing to choose, it goes to what is like the face.
 */
export function boxes(picture, photo, current, done, take = null) {
  picture.querySelectorAll(".box").forEach((box) => box.remove());
  if (!photo.width) return;
  const open = choosable(photo);
  const chosen = photo.faces.some((one) => one.by_person);
  for (const { face, taken, embedded, by_person, detector_score } of photo.faces) {
    if (!face.box) continue;
    const stands = chosen ? by_person : taken;
    const words = [t(stands ? (by_person ? "photo.by_person" : "photo.taken") : "photo.bystander", { score: score(detector_score), by: photo.taken_by ?? "" })];
    const free = open && embedded && !stands;
    if (free) words.push(t("photo.take"));
    const what = `${open ? "button" : "a"}.box${stands ? ".taken" : ""}${by_person ? ".said" : ""}${face.id === current ? ".current" : ""}${free ? ".free" : ""}`;
    const mark = h(what, open ? { type: "button", "aria-disabled": String(!free) } : { href: `/alike?face=${face.id}` });
    mark.title = words.join("\n");
    mark.setAttribute("aria-label", words.join(". "));
    if (free) mark.addEventListener("click", () => (take ? take(face) : choose(face)));
    // A detector's box may reach beyond the photo.
    const [x, y, w, hh] = face.box;
    const within = (value, most) => Math.min(Math.max(value, 0), most) / most;
    const [left, top] = [within(x, photo.width), within(y, photo.height)];
    const place = { left, top, width: within(x + w, photo.width) - left, height: within(y + hh, photo.height) - top };
    for (const [side, share] of Object.entries(place)) mark.style[side] = `${100 * share}%`;
    picture.append(mark);
  }
  async function choose(face) {
    try {
      await api("POST", `/photos/${photo.id}/face`, { face_id: face.id, seen: photo.seen });
      const now = await photoOf(photo.id, true);
      boxes(picture, now, current, done, take);
      picture.querySelector(".box.taken")?.focus();
      done?.(now);
    } catch (error) {
      toast(error.message);
    }
  }
}

/** Move the focus to the next face that could be taken; false where there is none. */
export function otherFace() {
  const free = [...document.querySelectorAll(`${zoomed() ? "dialog.zoom" : ".case-body"} .box.free`)];
  if (!free.length) return false;
  free[(free.indexOf(document.activeElement) + 1) % free.length].focus();
  return true;
}
