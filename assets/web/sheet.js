// The sheets tab: mount(element) puts it into Gradio's gr.HTML element, once the tab is shown for the first time.
// Glue only: listeners, the filter in the address, and the view that the flow speaks to.

import { createCalls } from "./calls.js";
import { createClassTable } from "./classes.js";
import { button, count, el } from "./dom.js";
import { cleanFilter, createFilterBar, filterWords, formatFilter, parseFilter } from "./filters.js";
import { isTextField } from "./keys.js";
import { createKeymap } from "./keymap.js";
import { loadStyle, localStore, showTab, uuid } from "./page.js";
import { fitHeight } from "./pane.js";
import { createPicker } from "./picker.js";
import { createAsk } from "./sheet-ask.js";
import { createSheetFlow } from "./sheet-flow.js";
import { createFoot } from "./sheet-foot.js";
import { createHead } from "./sheet-head.js";
import { sheetActionOf } from "./sheet-keys.js";
import { decodePositions, MAX_TILES } from "./sheet-list.js";
import { gridOf, roomy } from "./sheet-marks.js";
import { createTiles } from "./sheet-tiles.js";

const TILE = { wide: 90, high: 94, gap: 6, most: MAX_TILES }; // px; the height with the line of words
const NARROW = 1000; // px of the pane below which the class table lies over the tiles
const SETTLING = 1000; // ms after an act until the class table is counted anew: by then it is in the ranking

/** What stands in place of the tiles. */
function createScreen(onClear, onAgain) {
  const title = el("h2", {});
  const words = el("p", {});
  const clear = button({ class: "ls-button" }, onClear, "Show all undecided");
  const again = button({ class: "ls-button" }, onAgain, "Try again");
  const root = el("div", { class: "ls-screen", role: "status", hidden: true }, title, words, el("div", { class: "ls-screen-acts" }, clear, again));
  return {
    root,
    show(kind, filter, values, sentence) {
      root.hidden = !kind;
      if (!kind) return;
      const filtered = Object.keys(filter).length > 0;
      title.textContent = { loading: "Fetching the samples", empty: filtered ? "Nothing matches" : "Everything is decided", error: "The sheet cannot be shown" }[kind];
      words.textContent = kind === "error" ? sentence : kind === "empty"
        ? (filtered ? `No sample is ${filter.outcome ? "" : "undecided with "}${filterWords(filter, values)}.` : "Export the corrected table in the Data tab, or choose a decision in the filter to look at it again.") : "";
      clear.hidden = kind !== "empty" || !filtered;
      again.hidden = kind === "loading";
    },
  };
}

export async function mount(element) {
  window.__labelsieve_sheet?.abort();
  const control = window.__labelsieve_sheet = new AbortController();
  const { signal } = control;
  const calls = createCalls({ signal });
  const keys = createKeymap({ storage: localStore() });
  let values = { classes: [] };
  let shownFilter = null;
  let pointed = null; // the tile under the pointer or with the focus
  let [grid, tableShown, narrow, counting] = [null, true, false, null];
  let room = { width: 0, height: 0 }; // of the tiles, in px; measured where it can have changed
  const preloaded = [];

  const act = (action) => flow.press(action, tiles.current());
  const goTo = (filter) => {
    const hash = formatFilter(filter);
    if (hash !== formatFilter(parseFilter(location.hash))) location.hash = hash; // a step of the browser's history
    show(cleanFilter(filter));
  };
  const open = (position) => {
    window.dispatchEvent(new CustomEvent("labelsieve:open", { detail: { position } }));
    showTab("review");
  };
  const peek = (position) => {
    pointed = position;
    foot.peek(position === null ? null : flow.tile(position));
  };

  const table = createClassTable({
    onOpen(filter, byKey) {
      if (narrow) setTable(false);
      goTo(filter);
      if (byKey) focusWhenShown = true;
    },
  });
  let focusWhenShown = false; // the sheet was opened with a key: its first tile takes the focus
  const bar = createFilterBar({ onChange: goTo });
  const head = createHead(act, () => setTable(!tableShown));
  const tiles = createTiles({
    toggle: (position) => flow.toggle(position), range: (position, from) => flow.range(position, from),
    mark: (positions, on) => flow.mark(positions, on), peek, open,
  });
  const foot = createFoot({ act, mode: (value) => flow.setMode(value), scope: (value) => flow.setScope(value), again: () => flow.again() }, keys);
  const screen = createScreen(() => goTo({}), () => flow.reload());
  const picker = createPicker({ id: "sheet" });
  const dialog = createAsk();
  const progress = el("p", { class: "ls-progress" });
  const stage = el("div", { class: "ls-stage" }, tiles.root, screen.root);
  const side = el("aside", { class: "ls-side", id: "labelsieve-classes" }, table.root);
  const main = el("div", { class: "ls-main" }, head.root, stage, foot.root);
  const root = el("section", { class: "ls-sheets", id: "labelsieve-sheet", "aria-label": "Contact sheets" },
    el("div", { class: "ls-top" }, bar.root, progress), el("div", { class: "ls-columns" }, side, main), picker.root, dialog.root);

  const visible = () => element.isConnected && element.offsetParent !== null;

  const view = {
    page(model) {
      const { entries, filter, mode, range } = model;
      tiles.show(entries, { grid: roomy(room, Math.min(range.listed, grid.tiles), TILE), mode, uniform: Boolean(filter.given && filter.suggested), first: range.first, total: range.of });
      head.show(model);
      if (pointed !== null) foot.peek(flow.tile(pointed));
      element.dataset.sheet = entries.every(({ tile }) => tile) ? "ready" : "loading";
      if (focusWhenShown && entries.length) {
        focusWhenShown = false;
        tiles.focus(0);
      }
    },
    foot: (model) => foot.show(model),
    status: (text) => foot.status(text),
    saving: (state) => { if (!signal.aborted) foot.saving(state); },
    expected: (wrong) => head.expected(wrong),
    progress({ decided, samples, flagged, flagged_left: left }) {
      progress.textContent = flagged ? `${count(decided)} decided · ${count(left)} of ${count(flagged)} flagged left` : `${count(decided)} of ${count(samples)} decided`;
    },
    screen(kind, sentence) {
      if (signal.aborted) return;
      peek(null);
      element.dataset.sheet = kind ?? "loading";
      screen.show(kind, flow.filter, values, sentence);
      tiles.root.style.visibility = kind ? "hidden" : "";
      main.classList.toggle("ls-blank", Boolean(kind));
    },
    cells: () => table.cells(),
    cap: keys.cap,
    ask: (question) => dialog.ask(question),
    pick: (options) => picker.open({ ...options, classes: values.classes }),
    preload(next) {
      preloaded.length = 0;
      for (const { image } of next) preloaded.push(Object.assign(new Image(), { fetchPriority: "low", src: image }));
    },
    changed() {
      window.dispatchEvent(new CustomEvent("labelsieve:acted"));
      clearTimeout(counting);
      counting = setTimeout(countClasses, SETTLING);
    },
  };

  async function listed(query) {
    const { buffer, headers } = await calls.bytes(`/api/positions?${query}`);
    const positions = decodePositions(buffer);
    return { positions, total: Number(headers.get("X-Total") ?? positions.length) };
  }

  const flow = createSheetFlow({ calls, positions: listed, uuid, view });

  function show(filter) {
    shownFilter = formatFilter(filter);
    bar.show(filter);
    head.title(filter, values);
    table.mark(filter);
    return flow.open(filter);
  }

  async function countClasses() {
    const reply = await calls.get("/api/classes").catch((error) => { if (!signal.aborted) console.error(error); });
    if (reply) table.show(reply);
  }

  async function learn() {
    const [session, offered] = await Promise.all([calls.get("/api/session"), calls.get("/api/filters")]);
    values = { ...offered, classes: session.classes };
    view.progress(session.progress);
    bar.offer(values);
    head.title(flow.filter, values);
  }

  // ---- room --------------------------------------------------------------------------------------
  function setTable(shown) {
    tableShown = shown;
    side.hidden = !shown;
    root.classList.toggle("ls-narrow", narrow);
    head.table(shown);
    fit();
  }

  function fit() {
    if (!visible()) return;
    fitHeight(element);
    const isNarrow = root.clientWidth < NARROW;
    if (isNarrow !== narrow) {
      narrow = isNarrow;
      return void setTable(!narrow);
    }
    room = { width: stage.clientWidth, height: stage.clientHeight };
    const next = gridOf(room, TILE);
    if (grid?.columns === next.columns && grid.rows === next.rows) return;
    grid = next;
    flow.resize(grid);
  }

  // ---- keys --------------------------------------------------------------------------------------
  function onKey(event) {
    const target = event.composedPath()[0];
    if (!visible() || picker.root.contains(target) || document.querySelector("dialog[open]")) return;
    if (isTextField(target)) {
      if (event.key === "Escape" && !event.isComposing) target.blur();
      return;
    }
    if (picker.isOpen) {
      if (event.key === "Escape") picker.close();
      return;
    }
    if (bar.isOpen) return;
    const action = sheetActionOf(event, keys.map);
    if (!action || (/^Page/.test(event.key) && side.contains(target))) return;
    event.preventDefault();
    flow.press(action, tiles.current(), pointed);
  }

  // ---- start -------------------------------------------------------------------------------------
  await Promise.all([loadStyle("panes"), loadStyle("sheet")]);
  if (signal.aborted) return;
  element.replaceChildren(root);
  grid = null;
  fit();
  let wasShown = true;
  const observer = new ResizeObserver(() => {
    fit();
    const now = visible();
    if (now && !wasShown) arrive();
    wasShown = now;
  });
  for (const node of [element, stage, document.body]) observer.observe(node);
  signal.addEventListener("abort", () => { observer.disconnect(); clearTimeout(counting); });
  window.addEventListener("resize", fit, { signal });
  document.addEventListener("keydown", onKey, { capture: true, signal });
  window.addEventListener("online", () => { if (flow.unsaved) flow.again(); }, { signal });
  window.addEventListener("beforeunload", (event) => { if (flow.unsaved) event.preventDefault(); }, { signal });
  const follow = () => {
    const filter = parseFilter(location.hash);
    if (formatFilter(filter) !== shownFilter) show(filter);
  };
  window.addEventListener("hashchange", () => { if (visible()) follow(); }, { signal });

  /** The tab is shown again: the address may have changed, and cards were decided meanwhile. */
  function arrive() {
    keys.reload(); // the review tab may have changed them
    if (grid) flow.resize(grid);
    follow();
    countClasses();
    learn().catch(() => {});
  }

  await Promise.all([learn().catch((error) => { if (!signal.aborted) foot.status(error.message); }), countClasses(), show(parseFilter(location.hash))]);
}
