// What every page has: the theme, signing out, inviting somebody, and news.

import { api, byId, dialog, h, kept, open, t, toast } from "./core.js";
import { follow } from "./live.js";

function currentTheme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

byId("theme")?.addEventListener("click", () => {
  const next = currentTheme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("facedb.theme", next);
  } catch {
    // Then it lasts as long as the page.
  }
});

byId("sign-out")?.addEventListener("click", async () => {
  await fetch("/sign-out", { method: "POST", headers: { "x-csrf-token": document.body.dataset.csrf } });
  location.href = "/";
});

byId("invite")?.addEventListener("click", () => {
  const box = dialog(t("invite.title"), "small");
  const name = h("input", { type: "text", maxLength: 100, required: true, autocomplete: "off", id: "invite-name" });
  const result = h("p", { role: "status" });
  const form = h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        const { url } = await api("POST", "/invitations", { reviewer: name.value.trim() });
        const shown = h("input", { type: "text", readOnly: true, value: url, "aria-label": t("invite.address") });
        result.replaceChildren(h("span", {}, t("invite.once", { name: name.value.trim() })), shown);
        shown.select();
      } catch (error) {
        result.replaceChildren(h("span.warn", {}, error.message));
      }
    },
  }, h("label", { htmlFor: "invite-name" }, t("invite.name")), name, h("button.primary", { type: "submit" }, t("invite.make")), result);
  box.append(form);
  open(box, name);
});

// News for every page: a scan elsewhere, and that the server is there at all.
let seenScan = null;
let firstEmbeddings = null;
let seenEmbeddings = null;
let quiet = 0;
follow((news) => {
  const place = byId("live");
  if (!place) return;
  const running = news.pulse.running[0];
  const { embeddings } = news.pulse;
  firstEmbeddings ??= embeddings;
  clearTimeout(quiet);
  place.hidden = !running && (seenEmbeddings === null || embeddings === seenEmbeddings) && place.hidden;
  if (!running && seenEmbeddings !== null && embeddings > seenEmbeddings) {
    place.textContent = t("live.embedding", { count: (embeddings - firstEmbeddings).toLocaleString("en") });
  }
  if (!running) quiet = setTimeout(() => (place.hidden = true), 5000);
  seenEmbeddings = embeddings;
  if (running) {
    place.textContent = t("live.running", { scan: running.scan_id, done: running.done, total: running.total });
  }
  if (seenScan !== null && news.pulse.scan > seenScan) {
    const scan = news.pulse.scan;
    toast(t("live.finished", { scan }), [[t("live.show"), () => (location.href = `/review?scan=${scan}`)]], 0);
  }
  seenScan = news.pulse.scan;
}, (away) => {
  document.body.classList.toggle("away", away);
  byId("away").hidden = !away;
});

export { kept };
