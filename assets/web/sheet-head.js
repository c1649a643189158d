// Above the tiles: what the sheet holds, which page of it, and choosing many tiles at once.

import { button, count, el, icon, nameSpan, setName } from "./dom.js";
import { filterWords } from "./filters.js";
import { SHEET_CAPS } from "./sheet-keys.js";
import { rangeWords } from "./sheet-words.js";

/** act(action): as a key; onTable(): the class table shall be shown or hidden. */
export function createHead(act, onTable) {
  const [given, suggested, words] = [nameSpan(), nameSpan(), nameSpan("ls-name ls-title-words")];
  const pair = el("span", { class: "ls-title-pair" }, given, icon("arrow"), suggested);
  const expected = el("span", { class: "ls-expected" });
  const title = el("h2", { class: "ls-title" }, pair, words);
  const table = button({ class: "ls-button ls-table-toggle", "aria-expanded": "true", "aria-controls": "labelsieve-classes", "aria-label": "Class table" }, onTable, "Table");
  const tool = (type, label, cap, ...children) => button({ class: "ls-button", "aria-label": label, title: cap ? `${label} (${cap})` : label, "data-act": type }, () => act({ type }), ...children);
  const range = el("span", { class: "ls-range", role: "status" });
  const previous = tool("previous", "Previous page", "[ or Page Up", icon("left"));
  const next = tool("next", "Next page", "] or Page Down", icon("right"));
  const everything = tool("everything", "Mark all of the sheet");
  const clear = tool("clear", "Remove all marks", null, "Clear");
  const root = el("div", { class: "ls-head" }, table, title, expected,
    el("div", { class: "ls-choosing", role: "group", "aria-label": "Mark" },
      tool("all", "Mark all of the page", "Ctrl A", "Mark page"), everything,
      tool("invert", "Swap marked and unmarked", SHEET_CAPS.invert, "Invert"), clear),
    el("div", { class: "ls-paging", role: "group", "aria-label": "Pages" }, range, previous, next,
      tool("reload", "Look again: drops what is decided", SHEET_CAPS.reload, icon("redo"))));
  return {
    root,
    table(shown) {
      table.setAttribute("aria-expanded", String(shown));
    },
    title(filter, values) {
      const isPair = Boolean(filter.given && filter.suggested);
      pair.hidden = !isPair;
      words.hidden = isPair;
      setName(given, filter.given ?? "");
      setName(suggested, filter.suggested ?? "");
      setName(words, isPair ? "" : filterWords(filter, values));
    },
    expected(wrong) {
      expected.textContent = wrong === null ? "" : `about ${count(Math.round(wrong))} wrong`;
      expected.title = "Expected wrong labels among the undecided ones of this sheet: the sum of 1 − p_clean";
    },
    /** model: what sheet-flow.js gives to `page`. */
    show({ range: shown, filter, entries, hasNext, hasPrevious, marked, all, spent }) {
      const done = entries.filter(({ here }) => here).length;
      const text = rangeWords(shown, filter.outcome ? "" : "undecided") + (done ? ` · ${count(done)} done` : "");
      if (range.textContent !== text) range.textContent = text;
      previous.disabled = !hasPrevious;
      next.disabled = !hasNext && !spent;
      everything.replaceChildren(`Mark all ${count(all)}`);
      clear.disabled = !marked;
    },
  };
}
