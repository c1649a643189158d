// The class table: every pair given → suggested, and every class, with counts; a click opens the sheet of it.
// Pure parts order the rows; the component draws the first of them and more on request.

import { button, count, el, icon, nameSpan, setName } from "./dom.js";

const FIRST = 200; // rows that are drawn at once

const number = (key, head, title) => ({ key, head, title, value: (row) => row[key] });
export const COLUMNS = {
  pairs: [
    { key: "name", head: "Given → suggested", title: "What came with the data, and what the detector says", value: (row) => `${row.given}\u0000${row.suggested}` },
    number("flagged", "Flagged", "Undecided and p_clean below the threshold"),
    number("undecided", "Left", "Undecided, or skipped"),
    number("relabelled", "Moved", "People relabelled them given → suggested"),
    number("kept", "Kept", "People kept the given label"),
  ],
  classes: [
    { key: "name", head: "Class", title: "As in the table of labels", value: (row) => row.name },
    number("flagged", "Flagged", "Undecided and p_clean below the threshold"),
    number("errors_expected", "Wrong", "Expected wrong labels among the undecided: the sum of 1 − p_clean"),
    number("samples", "All", "Samples with this given label"),
    number("decided", "Done", "Decided"),
    number("relabelled_away", "Away", "Relabelled as another class"),
    number("relabelled_to", "To", "Relabelled from another class to this one"),
  ],
};

const order = new Intl.Collator("en", { numeric: true });

/** The place of each row among all, by name: whole numbers, since a thousand classes have very many pairs to compare. */
function placesOf(rows) {
  const names = new Set(rows.flatMap((row) => (row.name === undefined ? [row.given, row.suggested] : [row.name])));
  const place = new Map([...names].sort(order.compare).map((name, i) => [name, i]));
  return (row) => (row.name === undefined ? place.get(row.given) * names.size + place.get(row.suggested) : place.get(row.name));
}

/** The rows by a column, ties by name; a new list. */
export function sortRows(rows, view, key, descending) {
  const column = COLUMNS[view].find((each) => each.key === key);
  const placeOf = placesOf(rows);
  const sign = descending ? -1 : 1;
  return rows.map((row) => ({ row, place: placeOf(row), value: key === "name" ? placeOf(row) : column.value(row) ?? 0 }))
    .sort((a, b) => sign * (a.value - b.value) || a.place - b.place).map(({ row }) => row);
}

/** The rows with `text` in the name of a class, any case. */
export function findRows(rows, text) {
  const wanted = text.trim().toLocaleLowerCase();
  return wanted ? rows.filter((row) => [row.name, row.given, row.suggested].some((name) => name?.toLocaleLowerCase().includes(wanted))) : rows;
}

/** The filter of a row's sheet. */
export const filterOf = (view, row) => (view === "pairs" ? { given: row.given, suggested: row.suggested } : { given: row.name });

const isOpen = (view, row, filter) => filter.given === (view === "pairs" ? row.given : row.name) && filter.suggested === (view === "pairs" ? row.suggested : undefined);

const shown = (key, value) => (key === "errors_expected" ? (value < 9.95 ? (value ?? 0).toFixed(1) : count(Math.round(value))) : count(value));

function drawRow(view, row, { filter, most, focusable, open }) {
  const rest = COLUMNS[view].slice(1);
  const names = (view === "pairs" ? [row.given, row.suggested] : [row.name]).map((text) => { const span = nameSpan(); setName(span, text); return span; });
  const opener = button({ class: "ls-c-open", tabindex: focusable ? "0" : "-1", "aria-current": isOpen(view, row, filter) ? "true" : null },
    (event) => open(row, event.detail === 0), names[0], ...(names[1] ? [icon("arrow"), names[1]] : []));
  const cells = rest.map(({ key }, i) => {
    const cell = el("td", { class: i ? null : "ls-c-bar" });
    cell.textContent = shown(key, row[key]);
    if (!i) cell.style.setProperty("--share", most ? row[key] / most : 0);
    if (!row[key]) cell.classList.add("ls-c-none");
    return cell;
  });
  return Object.assign(el("tr", {}, el("th", { scope: "row" }, opener), ...cells), { labelsieve: row });
}

/** The table. `onOpen(filter, byKey)`: a row was chosen; byKey: with a key, not the mouse. */
export function createClassTable({ onOpen }) {
  let data = { classes: [], cells: [] };
  let view = "pairs";
  let filter = {};
  let limit = FIRST;
  const sorting = { pairs: ["flagged", true], classes: ["flagged", true] };
  const head = el("thead", {});
  const body = el("tbody", {});
  const table = el("table", { class: "ls-c-table" }, el("caption", { class: "ls-spoken" }, "Class table"), head, body);
  const more = button({ class: "ls-button ls-c-more" }, () => { limit += FIRST; draw(); }, "Show more");
  const none = el("p", { class: "ls-c-empty" });
  const find = el("input", { type: "search", class: "ls-c-find", placeholder: "Find a class", "aria-label": "Find a class", autocomplete: "off", spellcheck: "false", on: { input: () => { limit = FIRST; draw(); } } });
  const views = [["pairs", "Pairs"], ["classes", "Classes"]].map(([value, words]) =>
    button({ class: "ls-option", "aria-pressed": String(value === view), "data-view": value }, () => {
      view = value;
      limit = FIRST;
      for (const each of views) each.setAttribute("aria-pressed", String(each.dataset.view === view));
      draw();
    }, words));
  const summary = el("p", { class: "ls-c-summary" });
  const scroller = el("div", { class: "ls-c-scroll" }, table, none, more);
  const root = el("section", { class: "ls-c", "aria-label": "Class table" },
    el("div", { class: "ls-c-head" }, el("div", { class: "ls-choice", role: "group", "aria-label": "Rows" }, ...views), find), scroller, summary);

  function drawHead() {
    const [by, descending] = sorting[view];
    head.replaceChildren(el("tr", {}, ...COLUMNS[view].map(({ key, head: words, title }) => {
      const mark = el("span", { class: "ls-c-dir", "aria-hidden": "true" });
      mark.textContent = key !== by ? "" : descending ? "▼" : "▲";
      return el("th", { scope: "col", "aria-sort": key !== by ? "none" : descending ? "descending" : "ascending" },
        button({ class: "ls-c-sort", title }, () => {
          sorting[view] = [key, key === by ? !descending : key !== "name"];
          limit = FIRST;
          draw();
          head.querySelectorAll("button")[COLUMNS[view].findIndex((each) => each.key === key)].focus();
        }, words, mark));
    })));
  }

  function draw() {
    const all = view === "pairs" ? data.cells : data.classes;
    const rows = sortRows(findRows(all, find.value), view, ...sorting[view]);
    const most = rows.reduce((high, row) => Math.max(high, row.flagged), 0);
    const nameOf = COLUMNS[view][0].value;
    const walked = body.contains(document.activeElement) ? document.activeElement.closest("tr").labelsieve : null; // the rows are new; whoever walks them by key stays
    table.classList.toggle("ls-c-classes", view === "classes");
    drawHead();
    const current = Math.max(0, rows.slice(0, limit).findIndex((row) => isOpen(view, row, filter)));
    body.replaceChildren(...rows.slice(0, limit).map((row, i) => drawRow(view, row, { filter, most, focusable: i === current, open: (each, byKey) => onOpen(filterOf(view, each), byKey) })));
    if (walked) [...body.rows].find((row) => nameOf(row.labelsieve) === nameOf(walked))?.querySelector("button").focus();
    more.hidden = rows.length <= limit;
    more.textContent = `Show more (${count(rows.length - limit)} left)`;
    none.hidden = rows.length > 0;
    none.textContent = !data.known ? "Counting" : find.value ? "No class has this in its name." : view === "pairs" ? "No detector says another class than the given one yet." : "There are no classes yet.";
    const wrong = data.classes.reduce((sum, row) => sum + (row.errors_expected ?? 0), 0);
    const flagged = data.classes.reduce((sum, row) => sum + row.flagged, 0);
    summary.textContent = data.known ? `${count(flagged)} flagged: p_clean below ${data.threshold ?? 0.5} · about ${count(Math.round(wrong))} wrong` : "";
  }

  body.addEventListener("keydown", (event) => {
    const openers = [...body.querySelectorAll(".ls-c-open")];
    const at = openers.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: openers.length - 1 }[event.key];
    if (at < 0 || to === undefined || !openers[to]) return;
    event.preventDefault();
    openers[at].tabIndex = -1;
    openers[to].tabIndex = 0;
    openers[to].focus();
  });

  draw();
  return {
    root,
    /** What /api/classes answers. */
    show(next) {
      data = { ...next, known: true };
      draw();
    },
    /** Marks the row whose sheet is open. */
    mark(next) {
      filter = next;
      for (const row of body.rows) {
        const button = row.querySelector("button");
        if (isOpen(view, row.labelsieve, filter)) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
      }
    },
    cells: () => data.cells,
  };
}
