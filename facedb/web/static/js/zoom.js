// The full photo, with the box of every face that was found in it.

import { api, bytes, dialog, h, open, pixels, score, t, toast } from "./core.js";

let box = null;

export const zoomed = () => box !== null;

export function close() {
  box?.close();
}

/** Show the photo of a face; `step(±1)` gives the face before or after it. */
export function zoom(face, step) {
  close();
  const picture = h("div.picture");
  const facts = h("aside.facts", { "aria-live": "polite" });
  const mine = (box = dialog(t("zoom.title"), "zoom"));
  mine.append(h("div.stage", {}, picture, facts));
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
    const image = h("img", { src: shown.photo, alt: shown.path });
    picture.replaceChildren(image);
    picture.style.setProperty("--ratio", shown.width ? shown.width / shown.height : 1);
    facts.replaceChildren(
      h("p.path", {}, shown.path), h("p.muted", {}, [shown.identity ?? t("photo.no_label"), shown.dataset].join(" · ")),
      h("p.muted", {}, [pixels(shown), bytes(shown.bytes)].join(" · ")),
      h("p", {}, h("a", { href: `/photo/${shown.image_id}` }, t("zoom.page")), " · ", h("a", { href: `/alike?face=${shown.id}` }, t("zoom.alike"))),
    );
    try {
      const photo = await api("GET", `/photos/${shown.image_id}`);
      if (mine.face !== shown) return;
      boxes(picture, image, photo, shown.id);
      if (photo.faces.length > 1) facts.append(h("p", {}, t("zoom.faces", { count: photo.faces.length })));
    } catch (error) {
      toast(error.message);
    }
  }
}

/** Step to the next photo while one is shown. */
export function step(by) {
  box?.step?.(by);
}

/** Draw the boxes of a photo's faces over it; a click on one goes to what is like it. */
export function boxes(picture, image, photo, current) {
  if (!photo.width) return;
  for (const { face, taken, detector_score } of photo.faces) {
    if (!face.box) continue;
    const [x, y, w, hh] = face.box;
    const words = t(taken ? "photo.taken" : "photo.bystander", { score: score(detector_score) });
    const mark = h(`a.box${taken ? ".taken" : ""}${face.id === current ? ".current" : ""}`, { href: `/alike?face=${face.id}`, title: words, "aria-label": words });
    const place = { left: x / photo.width, top: y / photo.height, width: w / photo.width, height: hh / photo.height };
    for (const [side, share] of Object.entries(place)) mark.style[side] = `${100 * share}%`;
    picture.append(mark);
  }
}
