// The review: a queue, a case, and one key for each answer.

import { announce, api, byId, h, page, percent, readOnly, stored, t, toast } from "./core.js";
import * as bulk from "./bulk.js";
import { draw, keep, move, notices, regrouped, wins } from "./case.js";
import { flip } from "./compare.js";
import { goOnChange } from "./go.js";
import { help, keyName, keyOf, listen } from "./keys.js";
import { follow } from "./live.js";
import { pick } from "./picker.js";
import { Queue } from "./queue.js";
import * as zoom from "./zoom.js";

// Findings about one photo.
const OF_A_PHOTO = ["stray", "photo"];

const scan = Number(page.scan);
const ANSWERS = { same: "same", different: "different", unsure: "unsure", wrong: "wrong-identity", duplicate: "duplicate" };
const body = byId("case-body");
const head = byId("case-head");

const fetched = new Map();
let view = null;
let target = null;
let note = null;
let choosing = null;
let showing = 0;
let writing = Promise.resolve();

// Cases ------------------------------------------------------------------------------------------------------------

function fetchCase(rank, anew = false) {
  if (anew || !fetched.has(rank)) {
    const promise = api("GET", `/cases/${scan}/${rank}`);
    promise.catch(() => fetched.delete(rank));
    fetched.set(rank, promise);
    if (fetched.size > 12) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(rank);
}

/** Fetch the next cases with their pictures, so that they are there when they are wanted. */
async function fetchAhead() {
  for (const item of queue.ahead(3)) {
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

async function show(item, { anew = false } = {}) {
  const mine = ++showing;
  zoom.close();
  if (!item) {
    view = null;
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
    target = proposal(found);
    note = null;
    view = draw(body, head, found, { zoom: (face) => openZoom(face), selected: () => bar(), take: takeFace });
    bar();
    announce(t("case.announce", { rank: found.rank, kind: t(`class.${found.kind}`), a: found.a?.name ?? "", b: found.b?.name ?? "" }));
    if (!readOnly) api("POST", `/cases/${scan}/${item.rank}/open`).catch(() => {});
    fetchAhead();
  } catch (error) {
    if (mine === showing) body.replaceChildren(h("div.done", {}, h("h1", {}, t("error.title")), h("p.muted", {}, error.message)));
  }
}

/** Where wrong images would go unless the reviewer says otherwise. */
function proposal(found) {
  if (found.kind === "unlabelled") return { id: found.a.identity_id, name: found.a.name };
  if (found.kind === "newcomer") return { name: found.proposed };
  if (!["stray", "mixed", "photo"].includes(found.kind)) return null;
  if (found.b && found.b.dataset === found.a.dataset) return { id: found.b.identity_id, name: found.b.name };
  return found.kind === "mixed" ? { name: `${found.a.name} 2` } : null;
}

// Answers ----------------------------------------------------------------------------------------------------------

/** What an answer says, as it is sent; null where it says nothing of this case. */
function wish(action) {
  const { found, faces } = view;
  const answer = ANSWERS[action];
  const said = { answer, seen: found.seen };
  const selected = [...faces.selection];
  if (note) said.note = note;
  if (found.kind === "mixed") {
    if (action === "duplicate") return null;
    if (["wrong", "different"].includes(action)) {
      if (!view.group.size) return null;
      if (regrouped(view)) said.faces = [...view.group];
    }
  } else if (selected.length) {
    if (action === "wrong" || (action === "duplicate" ? selected.length > 1 : selected.length === 2)) said.faces = selected;
    else return null;
  } else if (found.kind === "duplicate") {
    if (action === "wrong") return null;
    if (action === "duplicate" && view.chosen) said.stays = view.stays;
  } else if (![...OF_A_PHOTO, "unlabelled"].includes(found.kind) && (action === "duplicate" || (action === "wrong" && found.kind !== "newcomer"))) {
    return null;
  }
  const named = action === "wrong" || (action === "same" && found.kind === "newcomer" && !said.faces);
  if (named && target) Object.assign(said, target.id ? { target_id: target.id } : { target_name: target.name });
  if (action === "same" && view.wins && !said.faces) said.target_id = view.wins;
  return said;
}

/** Another face of the photo in question is the one that is meant: its label is right, and the next scan compares that face. */
function takeFace(face) {
  return answer("other", { answer: "other-face", seen: view.found.seen, faces: [face.id], ...(note ? { note } : {}) });
}

async function answer(action, given = null) {
  // Who was just chosen counts, however fast the next key follows.
  await choosing;
  if (!view || readOnly) return;
  const said = given ?? wish(action);
  if (!said) {
    toast(t(view.faces.selection.size ? "answer.selected" : "answer.select", { answer: t(`said.${ANSWERS[action]}`) }));
    return;
  }
  const item = queue.current;
  const whole = !said.faces || action === "other" || view.found.kind === "mixed"
    || (["stray", "unlabelled"].includes(view.found.kind) && view.found.subject.every((face) => said.faces.includes(face.id)));
  const before = { state: item.state, answer: item.answer };
  flash(action);
  if (whole) {
    item.state = said.answer === "unsure" ? "unsure" : "decided";
    item.answer = stored(item.kind, said.answer);
    queue.mark(item);
  }
  fetched.delete(item.rank);
  // In the order of the keys, so that undo takes back what was said last.
  writing = writing.then(() => send(item, said, before, whole));
  if (whole) await forward();
  else view.faces.clear();
}

async function send(item, said, before, whole) {
  try {
    const decided = await api("POST", `/cases/${scan}/${item.rank}/decision`, said);
    item.seen = decided.seen;
    fetched.delete(item.rank);
    if (!whole && queue.current === item) await show(item, { anew: true });
    measure();
  } catch (error) {
    Object.assign(item, before);
    queue.mark(item);
    fetched.delete(item.rank);
    const again = () => queue.open(item);
    const actions = [[t("answer.look"), again]];
    if (error.body?.code === "said_meanwhile") {
      actions.push([t("answer.overrule"), () => {
        writing = writing.then(() => send(item, { ...said, seen: error.body.seen }, before, whole));
      }]);
    }
    toast(error.message, actions, 0);
  }
}

async function forward() {
  const next = await queue.at(1, { open: true }) ?? queue.items.find((item) => item.state === "open");
  if (next) queue.open(next);
  else queue.open(null);
}

async function undo() {
  if (readOnly) return;
  await writing;
  zoom.forget();
  try {
    const undone = await api("POST", "/undo");
    const ranks = undone.cases.filter(([one]) => one === scan).map(([, rank]) => rank);
    for (const rank of ranks) {
      fetched.delete(rank);
      const item = queue.items.find((one) => one.rank === rank);
      if (item) await refresh(item);
    }
    toast(t("undo.done", { count: undone.verdicts }));
    measure();
    const item = queue.items.find((one) => one.rank === ranks[0]);
    if (item) queue.open(item);
    else if (ranks.length) await queue.reload(ranks[0]);
  } catch (error) {
    toast(error.message);
  }
}

async function refresh(item) {
  const found = await fetchCase(item.rank, true).catch(() => null);
  if (!found) return;
  Object.assign(item, { state: found.state, answer: found.answer, seen: found.seen });
  queue.mark(item);
}

// The bar of answers -----------------------------------------------------------------------------------------------

function bar() {
  const kind = view?.found.kind ?? "none";
  for (const action of Object.keys(ANSWERS)) {
    const button = byId(`answer-${action}`);
    const possible = Boolean(view) && !readOnly && wish(action) !== null;
    button.setAttribute("aria-disabled", String(!possible));
    button.querySelector(".hint").textContent = button.title = view ? hint(action, kind) : "";
    button.querySelector("kbd").textContent = keyName(keyOf(action));
  }
  for (const action of ["undo", "flip", "help", "target", "move", "note", "bulk"]) {
    const shown = document.querySelector(`[data-key="${action}"]`);
    if (shown) shown.textContent = keyName(keyOf(action));
  }
  const selected = view?.faces.selection.size ?? 0;
  byId("selected").textContent = selected ? t("selected", { count: selected }) : "";
  byId("target").hidden = !view || (!["stray", "mixed", "photo", "unlabelled", "newcomer"].includes(kind) && !selected);
  byId("target-name").textContent = target ? (target.id ? target.name : t("target.new", { name: target.name })) : t("target.nobody");
  byId("move").hidden = kind !== "mixed";
  byId("flip").hidden = kind !== "duplicate";
  byId("note").classList.toggle("set", Boolean(note));
}

/** What an answer means here, in a few words. */
function hint(action, kind) {
  const selected = view.faces.selection.size;
  if (selected && kind !== "mixed" && action !== "unsure") return t(`hint.selected.${action}`);
  const where = target ? target.name : t("target.nobody_short");
  return t(`hint.${kind}.${action}`, { a: view.found.a?.name ?? "", b: view.found.b?.name ?? "", target: where });
}

function flash(action) {
  const button = byId(`answer-${action}`);
  if (!button) return;
  button.classList.remove("flash");
  void button.offsetWidth;
  button.classList.add("flash");
}

async function choose() {
  if (!view) return;
  const { found } = view;
  const proposed = [found.kind === "unlabelled" ? found.a : null, found.b, found.next_best].filter(Boolean)
    .map((side) => ({ id: side.identity_id, name: side.name, dataset: side.dataset, thumb: side.faces[0]?.thumb }));
  choosing = pick({ title: t("target.title"), dataset: found.dataset, proposed: [...proposed, { name: found.proposed ?? `${found.a?.name ?? ""} 2`.trim() }] });
  const chosen = await choosing;
  if (!chosen) return;
  target = chosen.id ? { id: chosen.id, name: chosen.name } : { name: chosen.name };
  bar();
}

async function write() {
  if (!view || readOnly) return;
  const given = await bulk.ask(t("note.title"), t("note.label"), note ?? "");
  if (given !== null) note = given.trim() || null;
  bar();
}

function openZoom(face) {
  zoom.zoom(face, (by) => {
    const tiles = [...document.querySelectorAll(".case-body .face")].map((tile) => Number(tile.dataset.face));
    const place = tiles.indexOf(face.id);
    face = view.faces.faces.get(tiles[(place + by + tiles.length) % tiles.length]) ?? face;
    return face;
  }, undo);
}

// Keys -------------------------------------------------------------------------------------------------------------

const actions = {
  next: async () => go(await queue.at(1)),
  back: async () => go(await queue.at(-1)),
  next_open: async () => go(await queue.at(1, { open: true })),
  undo,
  face_next: () => (zoom.zoomed() ? zoom.step(1) : view?.faces.step(1)),
  face_back: () => (zoom.zoomed() ? zoom.step(-1) : view?.faces.step(-1)),
  select: () => {
    const face = view?.faces.current();
    if (face && view.faces.tiles.has(face.id)) view.faces.toggle(face.id);
    return Boolean(face);
  },
  move: () => {
    if (!view?.group) return;
    const face = view.faces.current();
    move(view, view.faces.selection.size ? [...view.faces.selection] : face ? [face.id] : []);
    bar();
  },
  target: choose,
  first: () => side(0),
  second: () => side(1),
  zoom: () => {
    if (zoom.zoomed()) return zoom.close();
    const face = view?.faces.current() ?? view?.found.subject[0] ?? view?.found.a?.faces[0];
    return face && openZoom(face);
  },
  flip: () => flip(),
  other: () => zoom.otherFace(),
  alike: () => {
    const face = view?.faces.current() ?? view?.found.subject[0];
    if (face) location.href = `/alike?face=${face.id}`;
    else if (view?.found.a) location.href = `/alike?identity=${view.found.a.identity_id}`;
  },
  note: write,
  tick: () => queue.current && queue.tick(queue.current, !queue.ticks.has(queue.current.rank), false),
  bulk: () => (queue.ticks.size ? byId("bulk")?.querySelector("button").focus() : byId("accept")?.click()),
  help: () => help(bar),
};

function side(place) {
  if (!view) return;
  if (view.found.kind === "duplicate") keep(view, view.found.subject[place]?.image_id);
  else if (["merge", "look-alike"].includes(view.found.kind)) wins(view, (place ? view.found.b : view.found.a).identity_id);
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
    return answer(action);
  }
  return actions[action]?.();
});

for (const action of Object.keys(ANSWERS)) byId(`answer-${action}`).addEventListener("click", () => answer(action));
for (const action of ["undo", "next", "back", "target", "move", "flip", "help", "note"]) byId(action)?.addEventListener("click", () => actions[action]());
byId("show-queue").addEventListener("click", () => {
  const shown = document.body.classList.toggle("queue-shown");
  byId("show-queue").setAttribute("aria-expanded", String(shown));
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]") && view) view.faces.clear();
});
// A key that works a focused face must not click it as well.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest?.(".face")) event.preventDefault();
});

// Progress, bulk and news ------------------------------------------------------------------------------------------

let measuring = 0;
function measure() {
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

const queue = new Queue(scan, {
  opened: (item) => show(item),
  ticked: (ticks) => {
    byId("bulk").hidden = ticks.size === 0;
    byId("bulk-count").textContent = t("bulk.count", { count: ticks.size });
  },
});

async function decideAll(items, answer, more = false) {
  const agreed = await bulk.confirm(items, answer, more);
  if (!agreed?.length) return;
  await writing;
  try {
    const decided = await api("POST", "/decisions", { answer, cases: agreed.map((item) => ({ scan_id: scan, rank: item.rank, seen: item.seen })) });
    decided.forEach((one) => {
      const item = queue.items.find((other) => other.rank === one.rank);
      fetched.delete(one.rank);
      if (item) {
        Object.assign(item, { state: answer === "unsure" ? "unsure" : "decided", answer: stored(item.kind, answer), seen: one.seen });
        queue.mark(item);
      }
    });
    queue.untick();
    toast(t("bulk.done", { count: decided.length }), [[t("undo"), undo]]);
    measure();
    if (queue.current?.state === "decided") await forward();
  } catch (error) {
    toast(error.message, [], 0);
  }
}

byId("bulk").addEventListener("click", (event) => {
  const button = event.target.closest("[data-answer]");
  if (!button) return;
  decideAll(queue.items.filter((item) => queue.ticks.has(item.rank)), button.dataset.answer);
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
  else await decideAll(found.items, answer, found.more);
});

let seenVerdict = null;
follow((news) => {
  queue.claim(news.claims.filter((claim) => claim.sitting_id !== Number(page.sitting)));
  if (seenVerdict !== null && news.pulse.verdict !== seenVerdict) {
    measure();
    const item = queue.current;
    if (item && view) writing.then(() => look(item));
  }
  seenVerdict = news.pulse.verdict;
  const others = news.claims.filter((c) => c.scan_id === scan && c.rank === view?.found.rank && c.sitting_id !== Number(page.sitting)).map((c) => c.reviewer);
  if (view && others.join() !== view.found.others.join()) {
    view.found.others = others;
    head.querySelector(".notices")?.replaceWith(notices(view.found));
  }
});

/** Somebody said something: is it about the case that is open? */
async function look(item) {
  const found = await api("GET", `/cases/${scan}/${item.rank}`).catch(() => null);
  if (!found || !view || view.found.rank !== item.rank || found.seen === view.found.seen) return;
  Object.assign(item, { state: found.state, answer: found.answer });
  queue.mark(item);
  Object.assign(view.found, { state: found.state, answer: found.answer, answered_by: found.answered_by, others: found.others, history: found.history });
  // What was seen stays what was seen: an answer now is still refused until the reviewer has looked again.
  head.querySelector(".notices")?.replaceWith(notices(view.found));
}

setInterval(() => {
  if (view && !readOnly && document.visibilityState === "visible") api("POST", `/cases/${scan}/${view.found.rank}/open`).catch(() => {});
}, 25000);

goOnChange();
measure();
await queue.reload(Number(location.hash.slice(1)) || null);
document.body.classList.add("ready");
