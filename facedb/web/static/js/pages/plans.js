// From decisions to files: the plan as before and after, carried out with progress, and taken back.

import { api, byId, dialog, fileName, h, open, page, readOnly, t, toast } from "../core.js";
import { follow } from "../live.js";

const place = byId("plan");
let shown = null;

const picture = (face) => h("img", { src: face.thumb, alt: "", width: 72, height: 72, loading: "lazy" });

function thumb(step) {
  const words = `${step.path_from} → ${step.path_to ?? t("plan.label_only")}\n${step.reason}`;
  return h("a.face", { href: `/photo/${step.image_id}`, title: words, "aria-label": words },
    step.face ? picture(step.face) : h("span.nobody", {}), h("span.said", {}, fileName(step.path_from)));
}

function group(one) {
  const identity = (id, name) => (id ? h("a", { href: `/identity/${id}` }, name) : h("span", {}, t(`plan.out.${one.action}`)));
  return h("section.way", {},
    h("div.before", {}, h("h3", {}, one.before_id ? identity(one.before_id, one.before) : t("plan.outside")), h("div.faces.small", {}, ...one.steps.map(thumb))),
    h("div.arrow", { "aria-hidden": "true" }, h("span.chip", {}, t(`plan.action.${one.action}`)), "→"),
    h("div.after", {}, h("h3", {}, identity(one.after_id, one.after)),
      one.after_id ? h("div.faces.small", {},
        ...one.residents.map((face) => h("a.face", { href: `/photo/${face.image_id}`, title: face.path, "aria-label": face.path }, picture(face))),
        ...one.steps.slice(0, 12).map((step) => h("span.face.new", { title: step.path_to ?? t("plan.label_only") }, step.face ? picture(step.face) : h("span.nobody", {})))) : null,
      h("ul.paths", {}, ...one.steps.slice(0, 6).map((step) => h("li", {}, step.path_to ?? t("plan.label_only"))),
        one.steps.length > 6 ? h("li.muted", {}, t("side.more", { count: one.steps.length - 6 })) : null),
      h("p.muted", {}, one.steps[0].reason)));
}

function show(plan) {
  shown = plan;
  history.replaceState(null, "", `/plans?plan=${plan.id}`);
  const act = (name, work, primary) => h(`button${primary ? ".primary" : ""}`, { type: "button", onclick: work }, t(`plan.${name}`));
  const buttons = [];
  if (!readOnly && plan.steps) {
    if (["proposed", "applying"].includes(plan.state)) {
      if (plan.movable) buttons.push(act("apply", () => carry(false), true));
      buttons.push(act("labels", () => carry(true), !plan.movable));
    }
    if (["applied", "applying", "undoing"].includes(plan.state)) buttons.push(act("undo", undo));
  }
  place.replaceChildren(
    h("section.plan", {},
      h("div.heading", {}, h("h2", {}, t("plan.one", { plan: plan.id })), h("span.chip", {}, t(`plan.state.${plan.state}`)),
        h("span.muted", {}, t("plan.sum", { steps: plan.steps, by: plan.created_by })), h("span.spring", {}), ...buttons),
      h("div", { id: "job", role: "status" }),
      ...plan.remarks.map((remark) => h("p.chip.warn", {}, remark)),
      plan.steps ? null : h("p.muted", {}, t("plan.empty")),
      ...plan.groups.map(group)));
}

async function carry(labelsOnly) {
  try {
    const { changes } = await api("POST", `/plans/${shown.id}/check`, { labels_only: labelsOnly });
    const box = dialog(t("plan.sure"), "small");
    box.append(h("p", {}, t(labelsOnly ? "plan.sure_labels" : "plan.sure_files", { changes })),
      h("footer", {}, h("button", { type: "button", onclick: () => box.close() }, t("cancel")), h("button.primary", { type: "button", onclick: () => box.close("yes") }, t("plan.go"))));
    if ((await open(box, box.querySelector("footer .primary"))) !== "yes") return;
    watch(await api("POST", `/plans/${shown.id}/apply`, { labels_only: labelsOnly }));
  } catch (error) {
    toast(error.message, [], 0);
  }
}

async function undo() {
  try {
    watch(await api("POST", `/plans/${shown.id}/undo`));
  } catch (error) {
    toast(error.message, [], 0);
  }
}

const COLUMNS = ["plan.number", "plan.state", "plan.steps", "plan.done", "history.by", "history.when"];
const NUMBERS = ["plan.steps", "plan.done", "history.when"];

/** Draw the list of all plans as it is by now. */
async function list() {
  const plans = await api("GET", "/plans").catch((error) => (toast(error.message), null));
  if (!plans) return;
  const when = (text) => new Date(text).toLocaleString("sv").slice(0, 16);
  const cell = (text) => h("td.number", {}, text);
  const row = (one) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/plans?plan=${one.id}` }, String(one.id))), h("td", {}, t(`plan.state.${one.state}`)),
    cell(one.steps.toLocaleString("en")), cell(one.done.toLocaleString("en")), h("td", {}, one.created_by), cell(when(one.created_at)));
  byId("plan-list").replaceChildren(plans.length
    ? h("table.list", {}, h("caption.hidden", {}, t("plan.all")),
      h("thead", {}, h("tr", {}, ...COLUMNS.map((key) => h(NUMBERS.includes(key) ? "th.number" : "th", { scope: "col" }, t(key))))),
      h("tbody", {}, ...plans.map(row)))
    : h("p.muted", {}, t("plan.none")));
}

let watched = null;
function watch(job) {
  watched = job.id;
  byId("job").replaceChildren(h("progress", { max: 1, "aria-label": t("plan.progress") }), h("span", {}, t("plan.working")));
  follow(async (news) => {
    const now = news.jobs.find((one) => one.id === watched);
    if (!now) return;
    if (now.state === "running") {
      const bar = byId("job").querySelector("progress");
      if (bar && now.total) Object.assign(bar, { max: now.total, value: now.done });
      return;
    }
    watched = null;
    toast(now.message, [], now.state === "failed" ? 0 : 6);
    show(await api("GET", `/plans/${now.plan_id}`));
    await list();
  });
}

byId("make")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    show(await api("POST", "/plans", { dataset: form.get("dataset") || null, auto: form.has("auto"), sitting: form.has("sitting") }));
    await list();
  } catch (error) {
    toast(error.message, [], 0);
  }
});

if (page.plan) {
  try {
    show(await api("GET", `/plans/${page.plan}`));
  } catch (error) {
    toast(error.message);
  }
}
await list();
