// More like this: the gallery ranked by likeness to a face, an identity, or a photo that is dropped here.

import { api, byId, h, page, t, toast } from "../core.js";

const found = byId("found");
const of = byId("of");
let picture = null;

function card({ face, score, own }) {
  return h("figure.like", {},
    h(`a.face${own ? ".own" : ""}`, { href: `/photo/${face.image_id}`, title: face.path }, h("img", { src: face.thumb, alt: face.path, width: 96, height: 96, loading: "lazy" })),
    h("figcaption", {},
      h("b.score", {}, score.toFixed(3)),
      face.identity_id ? h("a", { href: `/identity/${face.identity_id}` }, face.identity) : h("span.muted", {}, t("photo.no_label")),
      h("a.muted", { href: `/alike?face=${face.id}` }, t("zoom.alike"))));
}

/** The face that was asked for, to have it beside what is like it. */
function asked({ of: face }) {
  return face && h("div.asked", {},
    h("a.face", { href: `/photo/${face.image_id}`, title: face.path }, h("img", { src: face.thumb, alt: face.path, width: 96, height: 96 })),
    h("div", {},
      face.identity_id ? h("a", { href: `/identity/${face.identity_id}` }, face.identity) : h("span.muted", {}, t("photo.no_label")),
      h("p.muted.path", {}, face.path)));
}

/** One of several faces of a photo from elsewhere, cut out of it. */
function cut({ box }) {
  const image = byId("drop").querySelector("img");
  if (!box || !image) return null;
  const [x, y, width, height] = box;
  const side = 1.3 * Math.max(width, height);
  const canvas = h("canvas", { width: 96, height: 96 });
  image.decode().then(() => {
    canvas.getContext("2d").drawImage(image, x + width / 2 - side / 2, y + height / 2 - side / 2, side, side, 0, 0, 96, 96);
  }, () => {});
  return canvas;
}

function show(results, title) {
  of.textContent = title;
  found.replaceChildren(...results.flatMap((result, place) => [
    asked(result),
    results.length > 1 ? h("h2.asked", {}, cut(result), t("alike.face", { number: place + 1 })) : null,
    result.found.length ? h("div.likes", {}, ...result.found.map(card)) : h("p.muted", {}, t("alike.none")),
  ].filter(Boolean)));
}

async function ask(work, title) {
  found.replaceChildren(h("p.muted", {}, t("alike.looking")));
  try {
    show(await work(), title);
  } catch (error) {
    found.replaceChildren(h("p.chip.warn", {}, error.message));
  }
}

async function photo(file) {
  if (!file) return;
  if (picture) URL.revokeObjectURL(picture);
  picture = URL.createObjectURL(file);
  byId("drop").style.backgroundImage = "none";
  byId("drop").querySelector("img")?.remove();
  byId("drop").prepend(h("img", { src: picture, alt: file.name }));
  await ask(() => api("POST", "/likeness/photo?top=60", undefined, file), file.name);
}

byId("file").addEventListener("change", (event) => photo(event.target.files[0]));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  const file = event.dataTransfer.files[0];
  if (file) photo(file);
  else toast(t("alike.no_file"));
});

if (page.face) {
  await ask(async () => [await api("GET", `/faces/${page.face}/alike?top=60`)], "");
} else if (page.identity) {
  const identity = await api("GET", `/identities/${page.identity}`).catch(() => null);
  await ask(async () => [await api("GET", `/identities/${page.identity}/alike?top=60`)], identity?.name ?? "");
}
