// The review: a queue, a case, and one key for each answer.

import { announce, api, byId, h, readOnly, score, t, toast } from "../core.js";
import { goOnChange } from "../go.js";
import { bar } from "../review/answer_bar.js";
import { Answering } from "../review/answering.js";
import { ANSWERS, asksWho, proposal } from "../review/answers.js";
import { now, scan } from "../review/at_hand.js";
import * as bulk from "../review/bulk.js";
import { draw, keep, move, wins } from "../review/case.js";
import { fetchAhead, fetchCase } from "../review/cases.js";
import { flip } from "../review/compare.js";
import { help, listen } from "../review/keys.js";
import { watch } from "../review/news.js";
import { pick } from "../review/picker.js";
import { measure } from "../review/progress.js";
import { Queue } from "../review/queue.js";
import * as zoom from "../zoom.js";

const body = byId("case-body");
const head = byId("case-head");
let showing = 0;

const queue = new Queue(scan, {
  opened: (item) => show(item),
  ticked: (ticks) => {
    byId("bulk").hidden = ticks.size === 0;
    byId("bulk-count").textContent = t("bulk.count", { count: ticks.size });
  },
});

const answering = new Answering(queue, show);

// The case ---------------------------------------------------------------------------------------------------------

async function show(item, { anew = false } = {}) {
  const mine = ++showing;
  zoom.close();
  if (!item) {
    now.view = null;
    head.replaceChildren();
    body.className = "case-body empty";
    body.replaceChildren(h("div.done", {}, h("h1", {}, t("done.title")), h("p.muted", {}, t("done.text"))));
    bar();
    return;
  }
  try {
    const found = await fetchCase(item.rank, anew);
    if (mine !== showing) return;
    // What was said since the list was read may have taught another confidence.
    item.confidence = found.confidence;
    queue.mark(item);
    now.target = proposal(found);
    now.note = null;
    now.view = draw(body, head, found, { zoom: (face) => openZoom(face), selected: () => bar(), take: (face) => answering.takeFace(face) });
    bar();
    announce(t("case.announce", { rank: found.rank, kind: t(`class.${found.kind}`), a: found.a?.name ?? "", b: found.b?.name ?? "" }));
    if (!readOnly) api("POST", `/cases/${scan}/${item.rank}/open`).catch(() => {});
    fetchAhead([item, ...queue.ahead(3)]);
  } catch (error) {
    if (mine === showing) body.replaceChildren(h("div.done", {}, h("h1", {}, t("error.title")), h("p.muted", {}, error.message)));
  }
}

async function choose() {
  if (!now.view) return;
  const { found, faces } = now.view;
  const asked = faces.faces.get([...faces.selection][0]) ?? found.subject[0] ?? found.a?.faces[0];
  const proposed = [found.kind === "unlabelled" ? found.a : null, found.b, found.next_best].filter(Boolean)
    .map((side) => ({ id: side.identity_id, name: side.name, dataset: side.dataset, thumb: side.faces[0]?.thumb }));
  const fresh = { name: found.proposed ?? `${found.a?.name ?? ""} 2`.trim() };
  const alike = asked && api("GET", `/faces/${asked.id}/alike?top=60`).then((ranked) => [...proposed, ...persons(ranked, asked, proposed), fresh]);
  now.choosing = pick({ title: t("target.title"), dataset: found.dataset, proposed: [...proposed, fresh], later: alike });
  const chosen = await now.choosing;
  if (!chosen) return;
  now.target = chosen.id ? { id: chosen.id, name: chosen.name } : { name: chosen.name };
  bar();
}

/** Whose faces are most like one, each person once and the most alike first, besides those who are named anyway. */
function persons(ranked, asked, named) {
  const found = new Map();
  for (const { face, score: value } of ranked.found) {
    if (!face.identity_id || face.bystander || face.dataset !== asked.dataset || face.identity_id === asked.identity_id) continue;
    if (!found.has(face.identity_id) && !named.some((one) => one.id === face.identity_id)) {
      found.set(face.identity_id, { id: face.identity_id, name: face.identity, dataset: face.dataset, thumb: face.thumb, like: t("picker.like", { score: score(value) }) });
    }
  }
  return [...found.values()].slice(0, 6);
}

/** Give an answer; where it needs to know who it is, ask that first. */
async function say(action) {
  if (action === "wrong" && !readOnly && asksWho() && !now.view.faces.selection.size) {
    await choose();
    if (!now.target) return;
  }
  await answering.answer(action);
}

async function write() {
  if (!now.view || readOnly) return;
  const given = await bulk.ask(t("note.title"), t("note.label"), now.note ?? "");
  if (given !== null) now.note = given.trim() || null;
  bar();
}

function openZoom(face) {
  zoom.zoom(face, (by) => {
    const tiles = [...document.querySelectorAll(".case-body .face")].map((tile) => Number(tile.dataset.face));
    const place = tiles.indexOf(face.id);
    face = now.view.faces.faces.get(tiles[(place + by + tiles.length) % tiles.length]) ?? face;
    return face;
  }, () => answering.undo(), opposite);
}

/** Of a case about two, the face on the other side that is most like one; null where there are no two sides. */
function opposite(face) {
  const { found, faces } = now.view;
  if (found.kind === "duplicate") return found.subject.find((one) => one.id !== face.id) ?? null;
  if (!["merge", "look-alike"].includes(found.kind)) return null;
  const other = face.identity_id === found.a.identity_id ? found.b : found.a;
  const score = (one) => faces.between(face.id, one.id) ?? -2;
  return other.faces.reduce((best, one) => (best && score(best) >= score(one) ? best : one), null);
}

// Keys -------------------------------------------------------------------------------------------------------------

const actions = {
  next: async () => go(await queue.at(1)),
  back: async () => go(await queue.at(-1)),
  next_open: async () => go(await queue.at(1, { open: true })),
  undo: () => answering.undo(),
  face_next: () => (zoom.zoomed() ? zoom.step(1) : now.view?.faces.step(1)),
  face_back: () => (zoom.zoomed() ? zoom.step(-1) : now.view?.faces.step(-1)),
  select: () => {
    const face = now.view?.faces.current();
    if (face && now.view.faces.tiles.has(face.id)) now.view.faces.toggle(face.id);
    return Boolean(face);
  },
  move: () => {
    if (!now.view?.group) return;
    const face = now.view.faces.current();
    move(now.view, now.view.faces.selection.size ? [...now.view.faces.selection] : face ? [face.id] : []);
    bar();
  },
  target: choose,
  first: () => side(0),
  second: () => side(1),
  zoom: () => {
    if (zoom.zoomed()) return zoom.close();
    const face = now.view?.faces.current() ?? now.view?.found.subject[0] ?? now.view?.found.a?.faces[0];
    return face && openZoom(face);
  },
  flip: () => flip(),
  other: () => zoom.otherFace(),
  alike: () => {
    const face = now.view?.faces.current() ?? now.view?.found.subject[0];
    if (face) location.href = `/alike?face=${face.id}`;
    else if (now.view?.found.a) location.href = `/alike?identity=${now.view.found.a.identity_id}`;
  },
  note: write,
  tick: () => queue.current && queue.tick(queue.current, !queue.ticks.has(queue.current.rank), false),
  bulk: () => (queue.ticks.size ? byId("bulk")?.querySelector("button").focus() : byId("accept")?.click()),
  help: () => help(bar),
};

function side(place) {
  if (!now.view) return;
  if (now.view.found.kind === "duplicate") keep(now.view, now.view.found.subject[place]?.image_id);
  else if (["merge", "look-alike"].includes(now.view.found.kind)) wins(now.view, (place ? now.view.found.b : now.view.found.a).identity_id);
}

function go(item) {
  zoom.close();
  if (item) queue.open(item);
}

listen((action, event) => {
  const other = document.querySelector("dialog[open]:not(.zoom)");
  if (other) return false;
  // Keys that work a control that has the focus stay with it.
  if (event.target.closest?.(".queue") && action === "select") return false;
  if (action in ANSWERS) {
    if (event.repeat) return true;
    return say(action);
  }
  return actions[action]?.();
});

for (const action of Object.keys(ANSWERS)) {
  const button = byId(`answer-${action}`);
  button.addEventListener("click", (event) => {
    // What the mouse chose for this case must not look chosen for the next; who came by Tab stays where he is.
    if (event.detail) button.blur();
    say(action);
  });
}
for (const action of ["undo", "next", "back", "target", "move", "flip", "help", "note"]) byId(action)?.addEventListener("click", () => actions[action]());
byId("show-queue").addEventListener("click", () => {
  const shown = document.body.classList.toggle("queue-shown");
  byId("show-queue").setAttribute("aria-expanded", String(shown));
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]") && now.view) now.view.faces.clear();
});
// A key that works a focused face must not click it as well.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest?.(".face")) event.preventDefault();
});

// Many at once -----------------------------------------------------------------------------------------------------

byId("bulk").addEventListener("click", (event) => {
  const button = event.target.closest("[data-answer]");
  if (!button) return;
  answering.decideAll(queue.items.filter((item) => queue.ticks.has(item.rank)), button.dataset.answer);
});
byId("bulk-clear").addEventListener("click", () => queue.untick());
byId("accept")?.addEventListener("click", async () => {
  const chosen = await bulk.accept();
  if (!chosen) return;
  const { answer, ...asked } = chosen;
  const query = new URLSearchParams({ ...asked, state: "open", limit: 500 });
  const found = await api("GET", `/scans/${scan}/queue?${query}`).catch((error) => (toast(error.message), null));
  if (!found) return;
  if (!found.items.length) toast(t("accept.none"));
  else await answering.decideAll(found.items, answer, found.more);
});

watch(queue, answering);
goOnChange();
measure();
await queue.reload(Number(location.hash.slice(1)) || null);
document.body.classList.add("ready");
