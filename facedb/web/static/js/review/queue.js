// The queue beside the case: filters, a list that grows while it is scrolled, and which case is open.

import { api, byId, h, kept, nameOf, percent, said, t } from "../core.js";

const PAGE = 100;

export class Queue {
  constructor(scan, { opened, ticked }) {
    this.scan = scan;
    this.opened = opened;
    this.ticked = ticked;
    this.items = [];
    this.rows = new Map();
    this.ticks = new Set();
    this.current = null;
    this.more = true;
    this.loading = null;
    this.list = byId("queue");
    this.form = byId("filters");
    this.restore();
    this.form.addEventListener("change", () => this.reload());
    let waiting = 0;
    byId("words").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.reload(), 200);
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.list.addEventListener("scroll", () => {
      if (this.list.scrollTop + this.list.clientHeight > this.list.scrollHeight - 600) this.load();
    });
  }

  /** Filters come from the address, else from the last time. */
  restore() {
    const asked = new URLSearchParams(location.search);
    const before = kept.get("filters", {});
    for (const field of this.form.elements) {
      if (!field.name) continue;
      const value = asked.get(field.name) ?? (field.name === "state" ? before.state : null);
      if (value !== null && value !== undefined) field.value = value;
    }
    this.identity = asked.get("identity_id");
    if (this.identity) this.sayWhom();
  }

  /** The queue is about one identity: say so, and let everybody back in by a click. */
  async sayWhom() {
    const only = byId("only");
    const found = await api("GET", `/identities/${this.identity}`).catch(() => null);
    only.replaceChildren(h("span.name", {}, t("filter.only", { name: found?.name ?? this.identity })), " ×");
    only.setAttribute("aria-label", t("filter.everybody"));
    only.hidden = false;
    only.addEventListener("click", () => {
      this.identity = null;
      only.hidden = true;
      this.reload();
    }, { once: true });
  }

  query() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (value !== "") query.set(name, value);
    if (this.identity) query.set("identity_id", this.identity);
    return query;
  }

  async reload(rank = null) {
    const query = this.query();
    kept.set("filters", { state: query.get("state") });
    const address = new URLSearchParams(query);
    address.set("scan", this.scan);
    history.replaceState(null, "", `?${address}${location.hash}`);
    this.items = [];
    this.rows.clear();
    this.ticks.clear();
    this.ticked(this.ticks);
    this.more = true;
    this.loading = null;
    this.list.replaceChildren();
    const mine = (this.generation = (this.generation ?? 0) + 1);
    await this.load();
    if (mine !== this.generation) return;
    while (rank && this.more && !this.rows.has(rank) && this.items.at(-1)?.rank < rank) await this.load();
    const first = this.items.find((item) => item.rank === rank) ?? this.items[0] ?? null;
    this.open(first);
  }

  load() {
    if (!this.more) return Promise.resolve();
    this.loading ??= this.#load().finally(() => (this.loading = null));
    return this.loading;
  }

  async #load() {
    const mine = this.generation;
    const query = this.query();
    query.set("after", this.items.at(-1)?.rank ?? 0);
    query.set("limit", PAGE);
    const page = await api("GET", `/scans/${this.scan}/queue?${query}`);
    if (mine !== this.generation) return;
    this.more = page.more;
    for (const item of page.items) {
      this.items.push(item);
      const row = this.row(item);
      this.rows.set(item.rank, row);
      this.list.append(row);
    }
    byId("queue-empty").hidden = this.items.length > 0;
  }

  row(item) {
    const tick = h("input", { type: "checkbox", "aria-label": t("queue.tick", { rank: item.rank }), tabIndex: -1 });
    tick.addEventListener("click", (event) => this.tick(item, tick.checked, event.shiftKey));
    const faces = item.faces.map((face) => h("img", { src: face.thumb, alt: "", width: 36, height: 36, loading: "lazy", decoding: "async" }));
    while (faces.length < 2 && item.kind !== "photo") faces.push(h("span.nobody", { "aria-hidden": "true" }));
    const names = [h("span.name", {}, nameOf(item))];
    if (item.b) names.push(h("span.name.muted", {}, item.b));
    const button = h("button.open", { type: "button", title: [nameOf(item), item.b].filter(Boolean).join(" · "), onclick: () => this.open(item) },
      h("span.pair", {}, ...faces), h("span.names", {}, ...names),
      h("span.what", {}, h(`span.chip.${item.kind}`, {}, t(`class.${item.kind}`)), h("span.sure", {}, percent(item.confidence))));
    const row = h("li", { data: { rank: item.rank } }, tick, button);
    this.mark(item, row);
    return row;
  }

  /** Show on a row where its case stands. */
  mark(item, row = this.rows.get(item.rank)) {
    if (!row) return;
    row.dataset.state = item.state;
    row.querySelector(".sure").textContent = item.state === "open" ? percent(item.confidence) : said(item.kind, item.answer);
    row.querySelector(".open").setAttribute("aria-label",
      t("queue.row", { rank: item.rank, kind: t(`class.${item.kind}`), a: nameOf(item), b: item.b ?? "", sure: percent(item.confidence), state: item.answer ? said(item.kind, item.answer) : "" }));
  }

  claim(claims) {
    for (const row of this.list.querySelectorAll(".elsewhere")) row.classList.remove("elsewhere");
    for (const one of claims) if (one.scan_id === this.scan) this.rows.get(one.rank)?.classList.add("elsewhere");
  }

  tick(item, on, range) {
    const here = this.items.indexOf(item);
    const from = range && this.lastTick !== undefined ? this.lastTick : here;
    for (let place = Math.min(from, here); place <= Math.max(from, here); place++) {
      const one = this.items[place];
      if (on) this.ticks.add(one.rank);
      else this.ticks.delete(one.rank);
      this.rows.get(one.rank).querySelector("input").checked = on;
    }
    this.lastTick = here;
    this.ticked(this.ticks);
  }

  untick() {
    for (const rank of this.ticks) this.rows.get(rank).querySelector("input").checked = false;
    this.ticks.clear();
    this.ticked(this.ticks);
  }

  open(item) {
    if (this.current) this.rows.get(this.current.rank)?.querySelector(".open").removeAttribute("aria-current");
    this.current = item;
    if (item) {
      const row = this.rows.get(item.rank);
      row.querySelector(".open").setAttribute("aria-current", "true");
      row.scrollIntoView({ block: "nearest" });
      history.replaceState(null, "", `${location.search}#${item.rank}`);
    }
    this.opened(item);
    if (item && this.items.length - this.items.indexOf(item) < 20) this.load();
  }

  /** The case `by` places on; undefined at the end. With `open` only cases that wait for an answer. */
  async at(by, { open = false } = {}) {
    let place = this.items.indexOf(this.current);
    for (;;) {
      place += by;
      if (place < 0) return undefined;
      if (place >= this.items.length) {
        if (!this.more) return undefined;
        await this.load();
        if (place >= this.items.length) return undefined;
      }
      const item = this.items[place];
      if (!open || item.state !== "decided") return item;
    }
  }

  /** The cases that follow, for fetching them ahead. */
  ahead(count) {
    const place = this.items.indexOf(this.current);
    return this.items.slice(place + 1).filter((item) => item.state !== "decided").slice(0, count);
  }
}
