// Answering: an answer is shown at once and sent in the order of the keys; what was refused is taken back.

import { api, readOnly, stored, t, toast } from "../core.js";
import * as zoom from "../zoom.js";
import { flash } from "./answer_bar.js";
import { ANSWERS, wish } from "./answers.js";
import { now, scan } from "./at_hand.js";
import * as bulk from "./bulk.js";
import { fetchCase, forgetCase } from "./cases.js";
import { measure } from "./progress.js";

export class Answering {
  /** `show(item, { anew })` draws a case. */
  constructor(queue, show) {
    this.queue = queue;
    this.show = show;
    // Settles when everything that was said is written.
    this.writing = Promise.resolve();
  }

  /** Give an answer to the case at hand; `given` is what is sent where it is none of the five. */
  async answer(action, given = null) {
    // Who was just chosen counts, however fast the next key follows.
    await now.choosing;
    if (!now.view || readOnly) return;
    const said = given ?? wish(action);
    if (!said) {
      toast(t(now.view.faces.selection.size ? "answer.selected" : "answer.select", { answer: t(`said.${ANSWERS[action]}`) }));
      return;
    }
    const item = this.queue.current;
    const whole = !said.faces || action === "other" || now.view.found.kind === "mixed"
      || (["stray", "unlabelled"].includes(now.view.found.kind) && now.view.found.subject.every((face) => said.faces.includes(face.id)));
    const before = { state: item.state, answer: item.answer };
    flash(action);
    if (whole) {
      item.state = said.answer === "unsure" ? "unsure" : "decided";
      item.answer = stored(item.kind, said.answer);
      this.queue.mark(item);
    }
    forgetCase(item.rank);
    // In the order of the keys, so that undo takes back what was said last.
    this.writing = this.writing.then(() => this.send(item, said, before, whole));
    if (whole) await this.forward();
    else now.view.faces.clear();
  }

  /** Another face of the photo in question is the one that is meant: its label is right, and the next scan compares that face. */
  takeFace(face) {
    return this.answer("other", { answer: "other-face", seen: now.view.found.seen, faces: [face.id], ...(now.note ? { note: now.note } : {}) });
  }

  async send(item, said, before, whole) {
    try {
      const decided = await api("POST", `/cases/${scan}/${item.rank}/decision`, said);
      item.seen = decided.seen;
      forgetCase(item.rank);
      if (!whole && this.queue.current === item) await this.show(item, { anew: true });
      measure();
    } catch (error) {
      Object.assign(item, before);
      this.queue.mark(item);
      forgetCase(item.rank);
      const again = () => this.queue.open(item);
      const actions = [[t("answer.look"), again]];
      if (error.body?.code === "said_meanwhile") {
        actions.push([t("answer.overrule"), () => {
          this.writing = this.writing.then(() => this.send(item, { ...said, seen: error.body.seen }, before, whole));
        }]);
      }
      toast(error.message, actions, 0);
    }
  }

  async forward() {
    const next = await this.queue.at(1, { open: true }) ?? this.queue.items.find((item) => item.state === "open");
    if (next) this.queue.open(next);
    else this.queue.open(null);
  }

  /** Take back what was said last. */
  async undo() {
    if (readOnly) return;
    await this.writing;
    zoom.forget();
    try {
      const undone = await api("POST", "/undo");
      const ranks = undone.cases.filter(([one]) => one === scan).map(([, rank]) => rank);
      for (const rank of ranks) {
        forgetCase(rank);
        const item = this.queue.items.find((one) => one.rank === rank);
        if (item) await this.refresh(item);
      }
      toast(t("undo.done", { count: undone.verdicts }));
      measure();
      const item = this.queue.items.find((one) => one.rank === ranks[0]);
      if (item) this.queue.open(item);
      else if (ranks.length) await this.queue.reload(ranks[0]);
    } catch (error) {
      toast(error.message);
    }
  }

  async refresh(item) {
    const found = await fetchCase(item.rank, true).catch(() => null);
    if (!found) return;
    Object.assign(item, { state: found.state, answer: found.answer, seen: found.seen });
    this.queue.mark(item);
  }

  /** Give one answer to many cases, after they were all seen; `more` says that there are others. */
  async decideAll(items, answer, more = false) {
    const agreed = await bulk.confirm(items, answer, more);
    if (!agreed?.length) return;
    await this.writing;
    try {
      const decided = await api("POST", "/decisions", { answer, cases: agreed.map((item) => ({ scan_id: scan, rank: item.rank, seen: item.seen })) });
      decided.forEach((one) => {
        const item = this.queue.items.find((other) => other.rank === one.rank);
        forgetCase(one.rank);
        if (item) {
          Object.assign(item, { state: answer === "unsure" ? "unsure" : "decided", answer: stored(item.kind, answer), seen: one.seen });
          this.queue.mark(item);
        }
      });
      this.queue.untick();
      toast(t("bulk.done", { count: decided.length }), [[t("undo"), () => this.undo()]]);
      measure();
      if (this.queue.current?.state === "decided") await this.forward();
    } catch (error) {
      toast(error.message, [], 0);
    }
  }
}
