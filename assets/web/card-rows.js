// The ten likeliest classes, each with its digit, and the way to all the others.

import { button, el, icon, keycap, nameSpan, percent, setName } from "./dom.js";
import { digitCap } from "./keys.js";
import { keyButton, liveCap } from "./keymap-caps.js";

const ROWS = 10;

/** The ten rows of a card: its likeliest classes, or the first classes where nothing is ranked. */
export function rowsOf(card, classes) {
  const rows = card.likeliest?.length ? card.likeliest : classes.map((name) => ({ name, probability: null }));
  return rows.slice(0, ROWS);
}

const fill = (node, value) => node.style.setProperty("--share", Math.max(0, Math.min(1, value ?? 0)));

function createRow(act, index) {
  const name = nameSpan();
  const tag = el("span", { class: "ls-tag" });
  const value = el("span", { class: "ls-row-value" });
  const share = el("span", { class: "ls-row-bar", "aria-hidden": "true" });
  const root = button({ class: "ls-row" }, () => act({ type: "digit", index }), share, keycap(digitCap(index)), name, tag, value);
  return {
    root,
    show(item, card) {
      root.hidden = !item;
      if (!item) return;
      const isGiven = item.name === card.given.name;
      const isSuggested = item.name === card.suggested?.name;
      setName(name, item.name);
      tag.textContent = isGiven ? "given" : isSuggested ? "suggested" : "";
      root.className = `ls-row${isGiven ? " ls-given" : isSuggested ? " ls-suggested" : ""}`;
      root.setAttribute("aria-label", `${isGiven ? "Keep the given label" : "Relabel as"} ${item.name}, key ${digitCap(index)}`);
      value.textContent = item.probability === null ? "" : percent(item.probability);
      fill(share, item.probability < 0.005 ? 0 : item.probability);
    },
  };
}

export function createRows(act, keys) {
  const title = el("h3", {});
  const all = el("span", {});
  const rows = Array.from({ length: ROWS }, (_, i) => createRow(act, i));
  const root = el("section", { class: "ls-classes", "aria-label": "Classes" },
    el("div", { class: "ls-classes-head" }, title,
      keyButton(keys, "search", { class: "ls-quiet ls-find" }, () => act({ type: "search" }), icon("search"), all, liveCap(keys, "search"))),
    el("div", { class: "ls-rows" }, ...rows.map((row) => row.root)));
  return {
    root,
    show(card, classes) {
      const list = rowsOf(card, classes);
      rows.forEach((row, i) => row.show(list[i], card));
      title.textContent = list[0]?.probability === null ? "Classes" : "Likeliest classes";
      all.textContent = `all ${classes.length}`;
    },
  };
}
