// The score distributions as a drawing, and going to another scan.

import { t } from "../core.js";
import { goOnChange } from "../go.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 720, HEIGHT = 270, LEFT = 10, BOTTOM = 24, TOP = 56;

function svg(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
}

/** Draw both distributions over one axis of scores, each scaled to its own highest step, with the thresholds. */
export function chart(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const used = (values) => values.flatMap((value, place) => (value > 1e-7 ? [place] : []));
  const places = [...used(data.genuine), ...used(data.impostor)];
  const first = Math.min(...places), last = Math.max(...places) + 1;
  const x = (score) => LEFT + ((score - (first * data.step - 1)) / ((last - first) * data.step)) * (WIDTH - 2 * LEFT);
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("chart.title") });
  for (const kind of ["impostor", "genuine"]) {
    const values = data[kind];
    if (!values.length) continue;
    const most = Math.max(...values);
    const y = (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - TOP);
    const points = values.slice(first, last).map((value, k) => `${x((first + k + 0.5) * data.step - 1).toFixed(1)},${y(value).toFixed(1)}`);
    const base = HEIGHT - BOTTOM;
    root.append(svg("path", { class: kind, d: `M${x(first * data.step - 1).toFixed(1)},${base} L${points.join(" L")} L${x(last * data.step - 1).toFixed(1)},${base} Z` }));
  }
  root.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - LEFT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }));
  for (let tick = Math.ceil((first * data.step - 1) * 5) / 5; tick <= last * data.step - 1 + 1e-9; tick += 0.2) {
    root.append(svg("text", { class: "tick", x: x(tick), y: HEIGHT - 8, "text-anchor": "middle" }, tick.toFixed(1).replace("-0.0", "0.0")));
  }
  let row = 0;
  for (const { name, score } of [...data.marks].sort((a, b) => a.score - b.score)) {
    const at = x(score);
    if (at < LEFT || at > WIDTH) continue;
    root.append(svg("line", { class: `mark ${name}`, x1: at, x2: at, y1: 6 + 16 * row, y2: HEIGHT - BOTTOM }));
    const left = at > WIDTH * 0.75;
    root.append(svg("text", { class: "mark", x: at + (left ? -4 : 4), y: 15 + 16 * row, "text-anchor": left ? "end" : "start" }, `${t(`mark.${name}`)} ${score.toFixed(3)}`));
    row += 1;
  }
  figure.prepend(root);
}

document.querySelectorAll("[data-chart]").forEach(chart);
goOnChange();
