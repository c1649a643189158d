// Type-ahead over all classes. One class: Enter takes the marked row. Several (ambiguous): digits
// toggle the likeliest while the field is empty, Enter adds the marked row, then confirms.

import { button, el, icon, keycap, nameSpan, setName } from "./dom.js";
import { digitCap } from "./keys.js";

const SHOWN = 60;

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

function rankOf(name, query) {
  if (name.startsWith(query)) return 0;
  const at = name.indexOf(query);
  if (at < 0) return 3;
  for (let i = at; i >= 0; i = name.indexOf(query, i + 1)) {
    if (!/[\p{L}\p{N}]/u.test(name[i - 1])) return 1;
  }
  return 2;
}

/**
 * The classes that match, best first: prefix, then prefix of a word, then anywhere; within each by
 * likelihood (`likeliest`: names, best first), then in the order of `classes`.
 */
export function rankMatches(classes, query, likeliest = []) {
  const wanted = fold(query.trim());
  const likely = new Map(likeliest.map((name, i) => [name, i]));
  return classes
    .map((name, i) => ({ name, i, rank: rankOf(fold(name), wanted), likely: likely.get(name) ?? Infinity }))
    .filter((match) => match.rank < 3)
    .sort((a, b) => a.rank - b.rank || (a.likely === b.likely ? a.i - b.i : a.likely - b.likely))
    .map((match) => match.name);
}

/** The picker's panel. `open(options)` shows it; `onChoose(names)` or `onClose()` ends it. id: its own among several on a page. */
export function createPicker({ id = "card" } = {}) {
  const [titleId, listId] = [`ls-picker-title-${id}`, `ls-picker-list-${id}`];
  const title = el("h3", { class: "ls-picker-title", id: titleId });
  const input = el("input", {
    type: "text", class: "ls-picker-input", role: "combobox", "aria-expanded": "true", "aria-controls": listId,
    "aria-labelledby": titleId, autocomplete: "off", spellcheck: "false", autocapitalize: "off",
  });
  const chips = el("div", { class: "ls-picker-chips", "aria-live": "polite" });
  const list = el("ul", { class: "ls-picker-list", id: listId, role: "listbox", "aria-labelledby": titleId });
  const hint = el("p", { class: "ls-picker-hint" });
  const done = button({ class: "ls-button ls-primary" }, () => confirm(), "Confirm", keycap("Enter"));
  const root = el("div", { class: "ls-picker", role: "dialog", "aria-labelledby": titleId, hidden: true },
    el("div", { class: "ls-picker-head" }, title, button({ class: "ls-quiet", "aria-label": "Close" }, () => close(), icon("close"))),
    el("div", { class: "ls-picker-field" }, icon("search"), input), chips, list, el("div", { class: "ls-picker-foot" }, hint, done));
  let options = null;
  let matches = [];
  let marked = 0;
  let chosen = [];

  function refresh() {
    const query = input.value;
    const { classes, likeliest, multi, given } = options;
    matches = query.trim() ? rankMatches(classes, query, likeliest)
      : [...likeliest, ...classes.filter((name) => !likeliest.includes(name))];
    marked = Math.max(0, Math.min(marked, Math.min(matches.length, SHOWN) - 1));
    list.setAttribute("aria-multiselectable", String(multi));
    list.replaceChildren(...matches.slice(0, SHOWN).map((name, i) => {
      const label = nameSpan();
      setName(label, name);
      const on = chosen.includes(name);
      const cap = multi && !query && i < likeliest.length ? digitCap(i) : "";
      return el("li", { role: "option", id: `ls-option-${id}-${i}`, class: i === marked ? "ls-marked" : null, "aria-selected": String(multi ? on : i === marked),
        on: { mousedown: (event) => event.preventDefault(), click: () => pick(name) } },
      multi ? el("span", { class: on ? "ls-box ls-on" : "ls-box" }, on ? icon("check") : null) : null,
      label, name === given ? el("span", { class: "ls-tag" }, "given") : null, cap ? keycap(cap) : null);
    }));
    if (!matches.length) list.append(el("li", { class: "ls-none" }, "No class has this in its name."));
    if (matches.length > SHOWN) list.append(el("li", { class: "ls-none" }, `and ${matches.length - SHOWN} more; type to narrow down`));
    input.setAttribute("aria-activedescendant", matches.length ? `ls-option-${id}-${marked}` : "");
    list.children[marked]?.scrollIntoView?.({ block: "nearest" });
    drawChosen(query);
  }

  function drawChosen(query) {
    const { multi } = options;
    chips.hidden = done.hidden = !multi;
    chips.replaceChildren(...(chosen.length ? chosen.map((name) => {
      const label = nameSpan();
      setName(label, name);
      return button({ class: "ls-chip", "aria-label": `Remove ${name}` }, () => toggle(name), label, icon("close"));
    }) : [el("span", { class: "ls-none" }, "Nothing chosen yet.")]));
    done.disabled = chosen.length < 2;
    hint.textContent = !multi ? "Enter takes the marked class, Esc closes."
      : query ? "Enter adds the marked class." : chosen.length < 2 ? "Choose two or more classes." : "";
  }

  function toggle(name) {
    chosen = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name];
    input.value = "";
    marked = 0;
    refresh();
    input.focus({ preventScroll: true });
  }

  const pick = (name) => (options.multi ? toggle(name) : finish([name]));

  function confirm() {
    if (options?.multi && chosen.length >= 2) finish(chosen);
  }

  function finish(names) {
    const { onChoose } = options;
    close();
    onChoose(names);
  }

  function close() {
    if (!options) return;
    const { onClose } = options;
    options = null;
    root.hidden = true;
    input.blur();
    onClose?.();
  }

  /** Handles a key; returns true where the field itself must not get it. */
  function press(event) {
    if (!options || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { multi, likeliest } = options;
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      marked += event.key === "ArrowDown" ? 1 : -1;
      refresh();
    } else if (event.key === "Enter") {
      if (event.repeat) return true;
      if (multi && !input.value.trim()) confirm();
      else if (matches[marked] !== undefined) pick(matches[marked]);
    } else if (multi && !input.value && /^[0-9]$/.test(event.key)) {
      const name = likeliest[(Number(event.key) + 9) % 10];
      if (name !== undefined && !event.repeat) toggle(name);
    } else return false;
    return true;
  }

  input.addEventListener("input", () => { marked = 0; refresh(); });
  root.addEventListener("keydown", (event) => {
    if (event.target !== input && event.key !== "Escape") return; // a focused button keeps its Enter
    if (press(event)) event.preventDefault();
    event.stopPropagation();
  });

  return {
    root,
    close,
    get isOpen() { return options !== null; },
    /** options: {classes, likeliest (names), given, multi, onChoose, onClose} */
    open(next) {
      options = next;
      chosen = [];
      marked = 0;
      input.value = "";
      input.placeholder = next.multi ? "Digits toggle; type to find others" : `Find one of ${next.classes.length} classes`;
      title.textContent = next.multi ? "Ambiguous between" : "Choose the class";
      root.hidden = false;
      refresh();
      input.focus({ preventScroll: true });
    },
    /** A key that was pressed before the picker could open. */
    feed(key) {
      if (!options || press({ key })) return;
      if (key.length === 1) input.value += key;
      else if (key === "Backspace") input.value = input.value.slice(0, -1);
      marked = 0;
      refresh();
    },
  };
}
