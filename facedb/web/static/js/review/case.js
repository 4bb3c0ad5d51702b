// A case on the page: what is in question, and the two identities beside it.

import { api, bytes, h, percent, pixels, said as word, score, sure, t, toast, whose } from "../core.js";
import { boxes, choosable, photoOf } from "../zoom.js";
import { compare } from "./compare.js";
import { Faces, grid } from "./faces.js";
import { keyName, keyOf } from "./keys.js";

/** Draw a case into `body`; returns what the page needs to ask of it when an answer is given. */
export function draw(body, head, found, tools) {
  const faces = new Faces(found.scores, tools);
  const view = { faces, found, group: null, stays: found.keep, chosen: false, wins: null };
  drawHead(head, found);
  const drawing = { merge: pair, "look-alike": pair, stray, duplicate, mixed, photo: stray, unlabelled: outside, newcomer: outside }[found.kind];
  body.replaceChildren(...drawing(view, tools));
  const layout = { unlabelled: "stray" }[found.kind] ?? found.kind;
  body.className = `case-body ${layout}${found.b || found.next_best ? "" : " alone"}`;
  body.scrollTop = 0;
  return view;
}

/** Classes whose question is said where nobody else is named. */
const ASKED = ["mixed", "duplicate", "stray", "photo"];

function drawHead(head, found) {
  const names = [found.a ? name(found.a) : h("span", {}, t(found.kind === "newcomer" ? "outside.newcomer" : "outside.no_label"))];
  if (found.b) names.push(h("span.versus", {}, t(`versus.${found.kind}`)), name(found.b));
  else if (ASKED.includes(found.kind)) names.push(h("span.versus", {}, t(`ask.${found.kind}`)));
  head.replaceChildren(
    h("div.title", {},
      h(`span.chip.${found.kind}`, {}, t(`class.${found.kind}`)),
      h("h1", { tabIndex: -1 }, ...names),
      h("span.sure", { title: told(found) }, meter(found.confidence), sure(found.kind, found.confidence)),
      h("span.rank.muted", {}, t("case.rank", { rank: found.rank, scan: found.scan_id }))),
    h("p.sentence", {}, found.sentence),
    notices(found),
  );
}

/** What the number means; where verdicts taught another one, also what it was. */
function told(found) {
  const means = t(found.kind === "look-alike" ? "case.apart_hint" : "case.confidence");
  const [now, before] = [found.confidence, found.uncalibrated].map((value) => sure(found.kind, value));
  return now === before ? means : `${means}. ${t("case.told", { share: before })}`;
}

function meter(value) {
  const bar = h("span.meter", { "aria-hidden": "true" }, h("span"));
  bar.firstChild.style.setProperty("--share", value);
  return bar;
}

/** What else is to be known: that it is answered, open elsewhere, or was said before. */
export function notices(found) {
  const box = h("p.notices", { role: "status" });
  if (found.others.length) box.append(h("span.chip.warn", {}, t("case.elsewhere", { names: found.others.join(", ") })));
  if (found.state !== "open" && found.answer) {
    const answer = word(found.kind, found.answer);
    box.append(h("span.chip.said", {}, found.answered_by ? t("case.answered", { answer, by: found.answered_by }) : t("case.follows", { answer })));
  }
  if (found.history.length) box.append(h("span.muted", { title: history(found) }, t("case.history", { count: found.history.length })));
  if (found.swap_rank) box.append(h("span.muted", {}, t("case.swap", { rank: found.swap_rank })));
  return box;
}

const history = (found) =>
  found.history.map((said) => `${said.by}: ${t(`said.${said.verdict}`)}${said.target ? ` → ${said.target}` : ""}`).join("\n");

const name = (side) => h("a", { href: `/identity/${side.identity_id}`, title: `${side.dataset} / ${side.name}` }, side.name);

/** An identity as a column. */
function column(view, side, which, title, options = {}) {
  const { faces, found } = view;
  const list = grid(faces, side.faces, options);
  const box = h("section.side", { "aria-label": side.name, data: { side: which } },
    h("header", {},
      h("div", {}, title ? h("span.role.muted", {}, title) : null, h("h2", {}, name(side))),
      h("p.facts.muted", {},
        h("span", {}, t("side.faces", { count: side.total })),
        ["merge", "look-alike"].includes(found.kind) && side.size ? h("span", {}, t("side.linked", { count: side.concerned, share: percent(side.concerned / side.size) })) : null,
        h("span", {}, side.dataset))),
    list);
  let shown = side.faces.length;
  // Subjects are drawn elsewhere and counted in the total.
  const rest = () => Math.max(0, side.total - shown - (which === "a" ? found.subject.filter((f) => f.identity_id === side.identity_id).length : 0));
  if ((which === "a" || which === "b") && rest() > 0) {
    const more = h("button.quiet.more", { type: "button" }, t("side.more", { count: rest() }));
    more.addEventListener("click", async () => {
      more.disabled = true;
      try {
        const page = await api("GET", `/cases/${found.scan_id}/${found.rank}/faces?side=${which}&start=${shown}`);
        faces.learn(page.scores);
        list.append(...page.faces.map((face) => faces.tile(face, options)));
        shown += page.faces.length;
        more.textContent = t("side.more", { count: rest() });
        more.hidden = rest() <= 0 || !page.faces.length;
      } catch (error) {
        toast(error.message);
      }
      more.disabled = false;
    });
    box.append(more);
  }
  return box;
}

function pair(view) {
  const { found } = view;
  const a = column(view, found.a, "a"), b = column(view, found.b, "b");
  for (const [side, box, key] of [[found.a, a, "first"], [found.b, b, "second"]]) {
    const button = h("button.wins", {
      type: "button", "aria-pressed": "false", title: t("wins.hint"), data: { wins: side.identity_id },
      onclick: () => wins(view, view.wins === side.identity_id ? null : side.identity_id),
    }, h("kbd", {}, keyName(keyOf(key))), " ", h("span.words"));
    box.querySelector("header").append(button);
  }
  queueMicrotask(() => wins(view, null));
  return [a, b];
}

/** Say which name stays when the two are the same; null leaves it to the plan. */
export function wins(view, identity) {
  view.wins = identity;
  for (const button of document.querySelectorAll("[data-wins]")) {
    const mine = Number(button.dataset.wins);
    const stays = mine === (identity ?? view.found.name_stays);
    button.setAttribute("aria-pressed", String(mine === identity));
    button.classList.toggle("stays", stays);
    button.querySelector(".words").textContent = t(stays ? "wins.stays" : "wins.label");
  }
}

/** The whole photo in question with a box around every face; a click on another face says that it is the one that is meant. */
function whole(face, tools) {
  const image = h("img", { src: `${face.photo}&side=1024`, alt: face.path, decoding: "async" });
  const picture = h("div.picture.whole", {}, image);
  picture.style.setProperty("--ratio", face.width ? face.width / face.height : 1);
  image.addEventListener("click", () => tools.zoom(face));
  const hint = h("p.muted", { role: "status" });
  photoOf(face.image_id).then((photo) => {
    boxes(picture, photo, face.id, null, tools.take);
    if (!choosable(photo)) return;
    const say = (words, key) => hint.replaceChildren(words, " ", h("kbd", {}, key));
    const ask = () => say(t("stray.choose"), keyName(keyOf("other")));
    ask();
    // With another face marked, it must be plain which one an answer would be about.
    picture.addEventListener("focusin", (event) => event.target.matches(".box.free") && say(t("stray.marked", { a: face.identity ?? "" }), t("stray.enter")));
    picture.addEventListener("focusout", ask);
  }, () => {});
  return h("div.photo", {}, hint, picture);
}

function stray(view, tools) {
  const { found, faces } = view;
  const own = h("section.side.subject", { "aria-label": t("stray.itself") },
    h("header", {}, h("div", {}, h("span.role.muted", {}, t("stray.itself"))), h("p.facts.muted", {}, ...found.subject.slice(0, 1).map((face) => h("span.path", {}, face.path)))),
    found.subject.length === 1 && (found.subject[0].others || found.kind === "photo") ? whole(found.subject[0], tools)
      : h("div.faces", {}, ...found.subject.map((face) => faces.tile(face, { big: true }))),
    h("dl.evidence", {},
      ...facts([
        ["evidence.own", found.own_score], ["evidence.mean", found.mean_score], ["evidence.best", found.max_score],
      ].filter(([, value]) => value !== null).map(([key, value]) => [t(key), score(value)])),
      ...facts(found.subject.slice(0, 1).map((face) => [t("evidence.pixels"), pixels(face)]))));
  const first = own.querySelector(".face");
  if (first) first.tabIndex = 0;
  const sides = [own, column(view, found.a, "a", t("stray.folder"))];
  if (found.b) sides.push(column(view, found.b, "b", t("stray.resembles")));
  if (found.next_best) sides.push(column(view, found.next_best, "next", t("stray.next")));
  if (!found.b && !found.next_best && found.kind === "stray") sides.push(h("section.side.empty", {}, h("p.muted", {}, t("stray.nobody"))));
  return sides;
}

/** Photos that lie in no folder: with whom they are taken for, or, of a newcomer, all of them. */
function outside(view) {
  const { found, faces } = view;
  const alone = found.subject.length === 1;
  const own = h(alone ? "section.side.subject" : "section.side", { "aria-label": t("stray.itself") },
    h("header", {}, h("div", {}, h("span.role.muted", {}, t(found.kind === "newcomer" ? "outside.members" : "stray.itself"))),
      h("p.facts.muted", {}, alone ? h("span.path", {}, found.subject[0].path) : h("span", {}, t("side.faces", { count: found.subject.length })))),
    h("div.faces", {}, ...found.subject.map((face) => faces.tile(face, { big: alone }))),
    h("dl.evidence", {},
      ...facts([
        ["evidence.best", found.max_score], ["evidence.mean", found.kind === "unlabelled" ? found.mean_score : null], ["evidence.next", found.own_score],
      ].filter(([, value]) => value !== null && found.kind === "unlabelled").map(([key, value]) => [t(key), score(value)]))));
  const first = own.querySelector(".face");
  if (first) first.tabIndex = 0;
  const boxes = [own];
  if (found.a) boxes.push(column(view, found.a, "a", t("outside.shows")));
  if (found.b) boxes.push(column(view, found.b, "b", t("stray.next")));
  return boxes;
}

const facts = (rows) => rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]);

function duplicate(view, tools) {
  const { found } = view;
  const apart = new Set(found.subject.map((face) => face.identity_id).filter(Boolean)).size > 1;
  // Copies in two folders: one of the folders is wrong, so a choice is written wherever there is one.
  view.chosen = apart;
  const cards = found.subject.map((face, place) => {
    const stays = h("button.stays", {
      type: "button", data: { stays: face.image_id }, onclick: () => keep(view, face.image_id),
    }, t("copy.choose"));
    return h("figure.copy", { data: { image: face.image_id } },
      h("button.face.whole", { type: "button", title: face.path, "aria-label": face.path, data: { face: face.id }, onclick: () => tools.zoom(face) },
        h("img", { src: face.photo + "&side=1024", alt: "", decoding: "async" })),
      h("figcaption", {},
        h("span.path", {}, face.path),
        h("span.muted", {}, `${pixels(face)} · ${bytes(face.bytes)}`, face.identity ? [" · ", whose(face, false)] : []),
        h("span", {}, h("kbd", {}, String(place + 1)), " ", stays)));
  });
  found.subject.forEach((face) => view.faces.faces.set(face.id, face));
  const boxes = [compare(found.subject, cards, found)];
  const folders = h("div.folders", {}, found.a ? column(view, found.a, "a", t("copy.folder")) : null);
  if (found.b) folders.append(column(view, found.b, "b", t("copy.folder")));
  boxes.push(folders);
  queueMicrotask(() => keep(view, found.keep, true));
  return boxes;
}

/** Say which copy stays; the others go when it is answered that they are one photo. */
export function keep(view, image, proposed = false) {
  if (image === null || image === undefined) return;
  view.stays = image;
  if (!proposed) view.chosen = true;
  for (const button of document.querySelectorAll("[data-stays]")) {
    const stays = Number(button.dataset.stays) === image;
    button.textContent = t(stays ? "copy.stays" : "copy.goes");
    button.setAttribute("aria-pressed", String(stays));
    button.closest("figure").classList.toggle("goes", !stays);
  }
}

function mixed(view) {
  const { found, faces } = view;
  view.group = new Set(found.subject.map((face) => face.id));
  const first = h("div.faces", { data: { group: "first" } }, ...found.a.faces.map((face) => faces.tile(face, { drag: true })));
  const second = h("div.faces", { data: { group: "second" } }, ...found.subject.map((face) => faces.tile(face, { drag: true })));
  const boxes = [[first, t("mixed.first")], [second, t("mixed.second")]].map(([list, title]) => {
    const box = h("section.side.group", { "aria-label": title },
      h("header", {}, h("div", {}, h("span.role.muted", {}, title), h("h2", {}, list === first ? name(found.a) : t("mixed.leaves"))), h("p.facts.muted", {}, h("span.count", {}))),
      list);
    box.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
    box.addEventListener("dragleave", () => box.classList.remove("over"));
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("over");
      const id = Number(event.dataTransfer.getData("text/plain"));
      const chosen = faces.selection.has(id) ? [...faces.selection] : [id];
      move(view, chosen, list === second);
    });
    return box;
  });
  if (first.firstChild) first.firstChild.tabIndex = 0;
  if (second.firstChild) second.firstChild.tabIndex = 0;
  view.lists = { first, second };
  queueMicrotask(() => count(view));
  const others = found.b ? [column(view, found.b, "b", t("stray.resembles"))] : [];
  return [...boxes, ...others];
}

/** Move images between the two groups of a mixed folder; `away` true: into the group that leaves, undefined: to the other one. */
export function move(view, ids, away) {
  if (!view.group) return;
  for (const id of ids) {
    const tile = view.faces.tiles.get(id);
    if (!tile || !tile.closest("[data-group]")) continue;
    const leaves = away ?? !view.group.has(id);
    if (leaves) view.group.add(id);
    else view.group.delete(id);
    view.lists[leaves ? "second" : "first"].append(tile);
  }
  view.faces.clear();
  count(view);
}

function count(view) {
  for (const list of Object.values(view.lists)) {
    const sum = list.querySelectorAll(".face").length;
    list.closest(".side").querySelector(".count").textContent = t("side.faces", { count: sum });
  }
}

/** Whether the groups are no longer those that were proposed. */
export const regrouped = (view) =>
  view.group !== null && (view.group.size !== view.found.subject.length || view.found.subject.some((face) => !view.group.has(face.id)));
