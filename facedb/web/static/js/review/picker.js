// A search box for identities, where a name that nobody has yet can be given as well.

import { api, dialog, h, open, t } from "../core.js";

/** Ask who it is; the answer is `{id, name}`, `{name}` for a new name, or null. */
export async function pick({ title, dataset, proposed = [], allowNew = true }) {
  const box = dialog(title, "picker");
  const list = h("ul", { role: "listbox", id: "picker-list", "aria-label": title });
  const input = h("input", {
    type: "search", autocomplete: "off", spellcheck: false, placeholder: t("picker.placeholder"), "aria-label": title, role: "combobox",
    "aria-expanded": "true", "aria-controls": "picker-list", maxLength: 200,
  });
  box.append(input, list);
  let chosen = null;
  let options = [];
  let at = 0;
  let asked = 0;

  function fill(rows) {
    options = rows;
    at = 0;
    list.replaceChildren(...rows.map((row, place) => h("li", { role: "option", id: `option-${place}`, "aria-selected": "false", onclick: () => take(place) },
      row.thumb ? h("img", { src: row.thumb, alt: "", width: 40, height: 40 }) : h("span.nobody", { "aria-hidden": "true" }, row.id ? "" : "+"),
      h("span", {}, row.id ? row.name : t("picker.new", { name: row.name })),
      h("span.muted", {}, row.id ? [row.dataset, row.images === undefined ? "" : t("side.faces", { count: row.images })].filter(Boolean).join(" · ") : t("picker.new_hint")))));
    mark();
  }
  function mark() {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    input.setAttribute("aria-activedescendant", options.length ? `option-${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }
  function take(place) {
    chosen = options[place] ?? null;
    box.close();
  }
  async function search() {
    const words = input.value.trim();
    if (!words) return fill(proposed);
    const mine = ++asked;
    const found = await api("GET", `/identities?words=${encodeURIComponent(words)}${dataset ? `&dataset=${encodeURIComponent(dataset)}` : ""}`).catch(() => []);
    if (mine !== asked) return undefined;
    const exact = found.some((row) => row.name === words);
    return fill(allowNew && !exact ? [...found, { name: words }] : found);
  }
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), options.length - 1);
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(at);
    }
  });
  fill(proposed);
  await open(box, input);
  return chosen;
}
