// Deciding many cases at once, after they were all seen as one sheet.

import { dialog, h, nameOf, open, page, sure, t } from "../core.js";

const PROPOSED = {
  merge: "same", stray: "wrong-identity", duplicate: "duplicate", "look-alike": "different", unlabelled: "same", newcomer: "same", photo: "same",
};
// Of look-alikes the confidence says how likely they are one person: those are accepted that are below it.
const BELOW = ["look-alike"];

/** Show the cases as a contact sheet, of which there may be `more`; the answer is those that are still ticked, or null. */
export async function confirm(items, answer, more) {
  const box = dialog(t("bulk.title", { answer: t(`said.${answer}`), count: items.length }), "sheet");
  const chosen = new Set(items);
  const ok = h("button.primary", { type: "button", onclick: () => box.close("yes") });
  const label = () => (ok.textContent = t("bulk.confirm", { answer: t(`said.${answer}`), count: chosen.size }));
  const cards = items.map((item) => {
    const tick = h("input", { type: "checkbox", checked: true });
    tick.addEventListener("change", () => (tick.checked ? chosen.add(item) : chosen.delete(item), label()));
    return h("label.card", {},
      tick, h("span.pair", {}, ...item.faces.map((face) => h("img", { src: face.thumb, alt: "", width: 112, height: 112, loading: "lazy" }))),
      h("span.names", {}, h("span.name", {}, nameOf(item)), item.b ? h("span.name", {}, item.b) : null),
      h("span.muted", {}, `${t(`class.${item.kind}`)} · ${sure(item.kind, item.confidence)}`));
  });
  label();
  box.append(h("p.muted", {}, [t("bulk.hint"), more ? t("bulk.more", { count: items.length }) : ""].join(" ")), h("div.cards", {}, ...cards),
    h("footer", {}, h("button", { type: "button", onclick: () => box.close() }, t("cancel")), ok));
  return (await open(box, ok)) === "yes" ? items.filter((item) => chosen.has(item)) : null;
}

/** Ask which class to accept, and from which confidence up, or below which. */
export async function accept() {
  const box = dialog(t("accept.title"), "small");
  const kind = h("select", { id: "accept-kind" }, ...Object.keys(PROPOSED).map((one) => h("option", { value: one }, t(`plural.${one}`))));
  const certain = 100 * Number(page.certain);
  const least = h("input", { type: "number", id: "accept-least", min: 0, max: 100, step: 0.1, value: certain, required: true });
  const label = h("label", { htmlFor: "accept-least" }, t("accept.least"));
  kind.addEventListener("change", () => {
    const below = BELOW.includes(kind.value);
    label.textContent = t(below ? "accept.most" : "accept.least");
    least.value = below ? 100 - certain : kind.value === "photo" ? 90 : certain;
  });
  const form = h("form", { method: "dialog" },
    h("label", { htmlFor: "accept-kind" }, t("accept.kind")), kind, label, least,
    h("p.muted", {}, t("accept.hint")),
    h("footer", {}, h("button", { type: "button", onclick: () => box.close() }, t("cancel")), h("button.primary", { value: "yes" }, t("accept.look"))));
  box.append(form);
  if ((await open(box, least)) !== "yes") return null;
  const bound = Math.min(Math.max(Number(least.value) / 100, 0), 1);
  return { kind: kind.value, [BELOW.includes(kind.value) ? "most" : "least"]: bound, answer: PROPOSED[kind.value] };
}

/** Ask for a text; null when the dialog was left. */
export async function ask(title, label, value) {
  const box = dialog(title, "small");
  const input = h("textarea", { id: "asked", rows: 3, maxLength: 1000, value });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      box.close("yes");
    }
  });
  box.append(h("form", { method: "dialog" }, h("label", { htmlFor: "asked" }, label), input,
    h("footer", {}, h("button", { type: "button", onclick: () => box.close() }, t("cancel")), h("button.primary", { value: "yes" }, t("ok")))));
  return (await open(box, input)) === "yes" ? input.value : null;
}
