// Two runs side by side: who entered and who left the flagged ones, and how p_clean lies in each.

import { button, count, el, percent, plural } from "./dom.js";
import { showSelection } from "./selection.js";

const SVG = "http://www.w3.org/2000/svg";

/** "27 images entered the flagged ones, 143 left; both flag 190. They suggest the same class for 93 % of 1,500 images." */
export function compareWords({ n, entered, left, both, agree }) {
  if (!n) return "These two runs have looked at no image in common.";
  return `${plural(entered, "image")} entered the flagged ones, ${count(left)} left; both flag ${count(both)}. They suggest the same class for ${percent(agree)} of ${plural(n, "image")}.`;
}

/** Bars of two histograms back to back: [{x, y, width, height, side}] in a box of 100 × 100. */
export function barsOf(first, second) {
  const most = Math.max(1, ...first, ...second);
  const width = 100 / first.length;
  return [[first, "first"], [second, "second"]].flatMap(([counts, side]) => counts.map((n, i) => {
    const height = (48 * Math.sqrt(n)) / Math.sqrt(most); // roots: the few suspects would not be seen beside the many
    return { x: i * width + width * 0.1, y: side === "first" ? 50 - height : 50, width: width * 0.8, height, side };
  }));
}

const nameOf = ({ detector, id }) => `${detector}, ${id}`;

/** `calls`: get and post. show(runs) takes the finished runs, newest first; it is hidden with fewer than two. */
export function createCompare(calls) {
  const selects = ["Before", "After"].map((words) => el("select", { "aria-label": words, on: { change: () => compare() } }));
  const words = el("p", { role: "status" });
  const chart = document.createElementNS(SVG, "svg");
  chart.setAttribute("viewBox", "0 0 100 100");
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", "How many images have each p_clean, before above and after below the line");
  const legend = el("p", { class: "ls-muted" }, "p_clean from 0, likely wrong, to 1, likely right: before above the line, after below it; heights are square roots of the counts.");
  const entered = button({ class: "ls-button" }, () => open("entered"), "Look at those that entered");
  const left = button({ class: "ls-button" }, () => open("left"), "Look at those that left");
  const root = el("section", { class: "ls-compare", "aria-label": "Compare two runs", hidden: true },
    el("h2", {}, "Compare two runs"),
    el("div", { class: "ls-compare-row" }, el("label", {}, "Before ", selects[0]), el("label", {}, "After ", selects[1])),
    words, chart, legend, el("div", { class: "ls-compare-row" }, entered, left));
  let known = "";
  let told = null;

  async function compare() {
    const [first, second] = selects.map((select) => select.value);
    told = null;
    entered.disabled = left.disabled = true;
    if (first === second) {
      words.textContent = "Choose two different runs.";
      chart.replaceChildren();
      return;
    }
    try {
      told = await calls.get(`/api/runs/compare?first=${encodeURIComponent(first)}&second=${encodeURIComponent(second)}`);
    } catch (error) {
      words.textContent = error.message;
      return;
    }
    words.textContent = compareWords(told);
    entered.disabled = !told.entered;
    left.disabled = !told.left;
    chart.replaceChildren(...barsOf(told.first, told.second).map(({ side, ...box }) => {
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("class", `ls-compare-${side}`);
      for (const [name, value] of Object.entries(box)) bar.setAttribute(name, value.toFixed(2));
      return bar;
    }));
  }

  async function open(which) {
    const positions = told[`${which}_positions`];
    try {
      await showSelection(calls, { name: `${plural(positions.length, "image")} that ${which} in ${selects[1].value}`, positions, tab: "sheet" });
    } catch (error) {
      words.textContent = `The selection was not kept: ${error.message}`;
    }
  }

  return {
    root,
    show(runs) {
      const done = runs.filter(({ state }) => state === "done");
      const now = JSON.stringify(done.map(({ id }) => id));
      root.hidden = done.length < 2;
      if (now === known) return;
      known = now;
      selects.forEach((select, i) => {
        const kept = select.value;
        select.replaceChildren(...done.map((run) => el("option", { value: run.id }, nameOf(run))));
        select.value = done.some(({ id }) => id === kept) ? kept : done[Math.min(done.length - 1, 1 - i)]?.id ?? "";
      });
      if (done.length > 1) compare();
    },
  };
}
