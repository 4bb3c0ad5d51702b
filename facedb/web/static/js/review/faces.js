// Faces as dense rows of thumbnails: scores on hover, selection, dragging, a moving cursor.

import { fileName, h, score, t } from "../core.js";

/** Faces of one case: tiles by key, the scores between them, and which are selected. */
export class Faces {
  constructor(scores, { zoom, selected }) {
    this.tiles = new Map();
    this.faces = new Map();
    this.selection = new Set();
    this.zoom = zoom;
    this.selected = selected;
    this.index = new Map();
    this.values = [];
    this.learn(scores);
  }

  /** Take in more scores; tables that were learnt before stay. */
  learn(scores) {
    this.values.push(scores);
    scores.ids.forEach((id, place) => {
      if (!this.index.has(id)) this.index.set(id, []);
      this.index.get(id).push([this.values.length - 1, place]);
    });
  }

  between(a, b) {
    for (const [table, row] of this.index.get(a) ?? []) {
      for (const [other, column] of this.index.get(b) ?? []) {
        if (table === other) return this.values[table].values[row][column];
      }
    }
    return null;
  }

  /** A tile. `big` shows it larger; `drag` lets it be dragged. */
  tile(face, { big = false, drag = false } = {}) {
    const image = h("img", { src: face.thumb, alt: "", width: 96, height: 96, decoding: "async", draggable: false });
    const tile = h(`button.face${big ? ".big" : ""}${face.linking ? ".linking" : ""}`, {
      type: "button", tabIndex: -1, "aria-pressed": "false", title: this.words(face), "aria-label": this.words(face), data: { face: face.id },
    }, image, h("span.score", { "aria-hidden": "true" }));
    if (face.verdict) tile.append(h("span.said", { "aria-hidden": "true" }, t(`said.${face.verdict}`)));
    if (face.others) tile.append(h("span.others", { "aria-hidden": "true" }, `+${face.others}`));
    tile.append(h("span.tick", { "aria-hidden": "true", title: t("face.select") }));
    tile.addEventListener("click", (event) => {
      const ticks = event.target.closest(".tick") || event.ctrlKey || event.metaKey || event.shiftKey;
      if (ticks) this.toggle(face.id);
      else this.zoom(face);
    });
    tile.addEventListener("mouseenter", () => this.compare(face.id));
    tile.addEventListener("mouseleave", () => this.compare(null));
    tile.addEventListener("focus", () => this.compare(face.id));
    tile.addEventListener("blur", () => this.compare(null));
    if (drag) {
      tile.draggable = true;
      tile.addEventListener("dragstart", (event) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", String(face.id));
      });
    }
    this.tiles.set(face.id, tile);
    this.faces.set(face.id, face);
    return tile;
  }

  words(face) {
    const parts = [face.path];
    if (face.width) parts.push(`${face.width} × ${face.height}`);
    if (face.linking) parts.push(t("face.linking", { score: score(face.best) }));
    else if (face.best !== null) parts.push(t("face.best", { score: score(face.best) }));
    if (face.likeness !== null) parts.push(t("face.likeness", { score: score(face.likeness) }));
    if (face.others) parts.push(t("face.others", { count: face.others }));
    if (face.verdict) parts.push(t("face.said", { verdict: t(`said.${face.verdict}`), by: face.verdict_by }));
    return parts.join("\n");
  }

  /** Show on every tile its score to one face. */
  compare(id) {
    for (const [other, tile] of this.tiles) {
      const value = id === null || other === id ? null : this.between(id, other);
      tile.classList.toggle("compared", value !== null);
      tile.querySelector(".score").textContent = value === null ? "" : value.toFixed(2);
    }
  }

  toggle(id) {
    if (this.selection.has(id)) this.selection.delete(id);
    else this.selection.add(id);
    const tile = this.tiles.get(id);
    tile.setAttribute("aria-pressed", String(this.selection.has(id)));
    this.selected([...this.selection]);
  }

  clear() {
    for (const id of this.selection) this.tiles.get(id)?.setAttribute("aria-pressed", "false");
    this.selection.clear();
    this.selected([]);
  }

  /** Move the cursor among the tiles, in the order in which they stand on the page. */
  step(by) {
    const tiles = [...document.querySelectorAll(".case-body .face")];
    if (!tiles.length) return null;
    const now = tiles.indexOf(document.activeElement);
    const next = tiles[now < 0 ? (by > 0 ? 0 : tiles.length - 1) : (now + by + tiles.length) % tiles.length];
    next.focus();
    return next;
  }

  /** The face under the cursor or the mouse. */
  current() {
    const tile = document.activeElement?.closest?.(".face") ?? document.querySelector(".case-body .face:hover");
    return tile ? this.faces.get(Number(tile.dataset.face)) ?? null : null;
  }
}

/** A grid of tiles with a single stop for Tab. */
export function grid(faces, list, options = {}) {
  const box = h("div.faces", {}, ...list.map((face) => faces.tile(face, options)));
  // A few faces have room to be large.
  if (list.length <= 6) box.dataset.few = list.length === 1 ? "1" : list.length === 2 ? "2" : "6";
  if (box.firstChild) box.firstChild.tabIndex = 0;
  return box;
}

export function caption(face) {
  return h("span.caption", { title: face.path }, fileName(face.path));
}
