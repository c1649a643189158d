// A sheet at work: what it holds, which page, who is marked, and what a key does to them. No DOM: the view and the
// network are given.

import { formatFilter } from "./filters.js";
import { createActs } from "./sheet-acts.js";
import { createList } from "./sheet-list.js";
import { createMarks, targetsOf } from "./sheet-marks.js";
import { ASK_ABOVE, past, preview, question, suggestionsOf } from "./sheet-words.js";

const REMEMBERED = 1200; // tiles; a few pages
const PART = 30; // tiles in one call: their pictures come with them, so half a page is seen before the other
const AT_HAND = 5; // classes on digits, where a sheet has fewer suggestions of its own
const TURNS = { next: "next", previous: "previous" };

/** A sheet without an outcome in its filter shows what is yet to be decided: a bulk act must not replace what people said. */
export const queryOf = (filter) => formatFilter({ ...filter, outcome: filter.outcome ?? ["undecided", "skip"] });

/** Marks are exceptions where one suggestion is about to be taken or refused as a whole. */
const usualMode = (filter) => (filter.given && filter.suggested ? "rest" : "chosen");

/**
 * calls: {get, post}; `positions(query)` → {positions, total}; view: {page(model), foot(model), status(text), screen(kind,
 * sentence), saving(state), ask(text) → Promise, pick(options), preload(tiles), expected(n), progress(p), changed(), cells() (of the class table), cap(action)}.
 */
export function createSheetFlow({ calls, positions: fetchPositions, uuid, view }) {
  const list = createList();
  const marks = createMarks();
  const tiles = new Map();
  const asked = new Map(); // position → the call that will bring its tile
  const acts = createActs({ post: calls.post, uuid, onChange: view.saving });
  let filter = {};
  let [mode, scope, classes] = ["chosen", "page", []];
  let session = 0; // of the sheet that is open; what comes for an earlier one is dropped
  let loaded = false;
  let asking = false;
  let pointed = null; // the tile under the pointer or with the focus when a key was pressed

  // ---- what is shown -----------------------------------------------------------------------------
  const plan = () => targetsOf({ mode, scope, page: list.page(), left: list.left(), marks, done: list.done });

  /** Whom a key acts on: as the foot says; with nothing chosen, the tile under the pointer. */
  function aimed() {
    const found = plan();
    const alone = mode === "chosen" && !marks.size && tiles.has(pointed) && list.page().includes(pointed) && !list.done.has(pointed);
    return alone ? { ...found, targets: [pointed] } : found;
  }

  function draw() {
    if (!loaded) return;
    const page = list.page();
    const open = (all) => all.reduce((n, position) => n + !list.done.has(position), 0);
    const entries = page.map((position) => {
      const tile = tiles.get(position) ?? null;
      const decision = list.done.get(position) ?? (tile?.outcome ? { outcome: tile.outcome, labels: tile.labels } : null);
      return { position, tile, marked: marks.has(position), decision, here: list.done.has(position) };
    });
    const all = open(list.left());
    view.page({ entries, filter, mode, range: list.range(), hasNext: list.hasNext(), hasPrevious: list.hasPrevious(), marked: marks.size, all, spent: list.isSpent() });
    view.foot({ plan: plan(), mode, scope, filter, classes, page: open(page), all, marked: marks.size });
  }

  function ask(positions) {
    const call = calls.get(`/api/tiles?positions=${positions.join(",")}`).then((reply) => {
      // What was asked for again since then, or belongs to an earlier sheet, is not taken.
      for (const tile of reply.tiles) if (asked.get(tile.position) === call) tiles.set(tile.position, tile);
    }).finally(() => {
      for (const position of positions) if (asked.get(position) === call) asked.delete(position);
    });
    for (const position of positions) asked.set(position, call);
  }

  /** Waits until all are there; what is under way is not asked for again. `onPart` hears of each answer. */
  async function loadTiles(positions, onPart = () => {}) {
    const missing = positions.filter((position) => !tiles.has(position) && !asked.has(position));
    for (let i = 0; i < missing.length; i += PART) ask(missing.slice(i, i + PART));
    const calls = new Set(positions.map((position) => asked.get(position)).filter(Boolean));
    await Promise.all([...calls].map((call) => call.then(onPart)));
  }

  function forget() {
    const near = new Set([...list.page(), ...list.ahead()]);
    for (const position of tiles.keys()) {
      if (tiles.size <= REMEMBERED) return;
      if (!near.has(position)) tiles.delete(position);
    }
  }

  /** Shows the page with what is at hand, fetches what is missing of it, then the page ahead. */
  async function turned() {
    const mine = session;
    forget();
    draw();
    const page = list.page();
    try {
      await loadTiles(page, () => { if (mine === session) draw(); });
      if (mine !== session) return;
      await loadTiles(list.ahead());
      if (mine === session) view.preload(list.ahead().map((position) => tiles.get(position)).filter(Boolean));
    } catch (error) {
      if (mine === session && page.some((position) => !tiles.has(position))) view.screen("error", error.message);
    }
  }

  async function count(mine) {
    const reply = await calls.get(`/api/classes?${queryOf(filter)}`).catch(() => null); // the tiles do without it
    if (!reply || mine !== session) return;
    const own = suggestionsOf(reply.cells, filter);
    classes = [...new Set([...own, ...suggestionsOf(view.cells(), filter)])].slice(0, Math.max(own.length, AT_HAND));
    view.expected(reply.classes.reduce((sum, { errors_expected: n }) => sum + (n ?? 0), 0));
    draw();
  }

  async function open(next) {
    session += 1;
    const mine = session;
    const same = loaded && queryOf(next) === queryOf(filter);
    if (!same) [mode, scope] = [usualMode(next), "page"];
    filter = next;
    classes = filter.suggested ? [filter.suggested] : [];
    loaded = false;
    tiles.clear();
    asked.clear();
    marks.clear();
    view.screen("loading");
    view.expected(null);
    try {
      const { positions, total } = await fetchPositions(queryOf(filter));
      if (mine !== session) return;
      list.load(positions, total);
    } catch (error) {
      if (mine === session) view.screen("error", error.message);
      return;
    }
    loaded = true;
    count(mine);
    if (!list.left().length) return void view.screen("empty");
    view.screen(null);
    await turned();
  }

  // ---- what is decided ---------------------------------------------------------------------------
  const decisionOf = ({ outcome, labels }) => (position) => (outcome !== "suggestion" ? { outcome, labels }
    : { outcome: "relabel", labels: [tiles.get(position)?.suggested ?? filter.suggested].filter(Boolean) });

  function taken(result) {
    if (!result) return view.status("");
    const { act, refused, error, progress } = result;
    if (error) return view.status(`Nothing was recorded: ${error}`);
    list.settle(act.positions, decisionOf(act));
    if (mode === "chosen") marks.clear();
    mode = usualMode(filter);
    const rest = refused.length ? ` · ${refused.length} refused: ${refused[0].error}` : "";
    view.status(`${past(act.outcome, act.positions.length)} · ${view.cap("undo")} takes it back${rest}`);
    if (progress) view.progress(progress);
    draw();
    return view.changed();
  }

  async function decide(outcome, labels = []) {
    const { targets } = aimed();
    const action = outcome === "relabel" && labels[0] === filter.given ? { outcome: "keep", labels: [] } : { outcome, labels };
    if (!acts.free) return view.status(acts.state().notSaved ? "The last decisions are not saved; send them again first." : "Still saving the last decisions.");
    if (!targets.length) return view.status(preview("", action, plan(), { mode, filter }));
    const mine = session;
    if (targets.length > ASK_ABOVE) {
      asking = true;
      const yes = await view.ask(question(action, targets.length, filter));
      asking = false;
      if (!yes || mine !== session) return view.status("Nothing was changed.");
    }
    view.status("Saving");
    return taken(await acts.act({ ...action, positions: targets, queue: formatFilter(filter) }));
  }

  async function turnBack(kind) {
    if (!acts.free) return view.status("Still saving the last decisions.");
    let reply;
    try {
      reply = await acts[kind]();
    } catch (error) {
      return view.status(error.status ? error.message : `The reviewer does not answer; the ${kind} was not done.`);
    }
    const decision = kind === "undo" ? reply.undone : reply.redone;
    if (!decision) return view.status(`There is nothing to ${kind}.`);
    const act = acts.actOf(decision.position) ?? { ...decision, positions: [decision.position] };
    if (kind === "redo") list.settle(act.positions, decisionOf(act));
    else if (act.positions.some((position) => list.done.has(position))) list.reopen(act.positions);
    view.status(`${kind === "undo" ? "Taken back" : "Done again"}: ${past(act.outcome, reply.count ?? act.positions.length)}`);
    if (reply.progress) view.progress(reply.progress);
    view.changed();
    // The list was fetched after they were decided: they come back with a new one, unless that would lose marks.
    if (kind === "undo" && !marks.size && !act.positions.some(list.has)) return open(filter);
    for (const position of list.page()) void (tiles.delete(position), asked.delete(position)); // what holds for them may be another decision now
    return turned();
  }

  function pick(multi) {
    if (!aimed().targets.length) return decide(multi ? "ambiguous" : "relabel", []); // says why there is nobody to decide for
    const likeliest = multi && filter.given ? [...classes.slice(0, 9), filter.given] : classes; // between what is said and what was given, mostly
    return view.pick({ multi, given: filter.given, likeliest, onChoose: (names) => decide(multi ? "ambiguous" : "relabel", names) });
  }

  // ---- what is chosen ----------------------------------------------------------------------------
  const undecided = (positions) => [...positions].filter((position) => !list.done.has(position));

  function turn(type) {
    list[TURNS[type]]();
    if (!list.left().length) return open(filter); // all of it is decided; there may be more than was listed
    return turned();
  }

  return {
    open,
    reload: () => open(filter),
    /** Settles the act that is not saved. */
    again: async () => taken(await acts.again()),
    get unsaved() { return !acts.free; },
    get filter() { return filter; },
    resize(grid) {
      if (grid.tiles === list.size) return draw();
      list.resize(grid.tiles);
      return loaded ? turned() : undefined;
    },
    tile: (position) => tiles.get(position) ?? null,
    toggle: (position) => { if (!list.done.has(position)) marks.toggle(position); draw(); },
    range: (position, from) => { marks.range(list.page(), position, from); draw(); },
    mark: (positions, on) => { marks.put(undecided(positions), on); draw(); },
    setMode: (value) => { mode = value; draw(); },
    setScope: (value) => { scope = value; draw(); },
    /** What a key or a button means; `current`: the position of the tile with the tab stop, `over`: of that under the pointer, or null. */
    press(action, current = null, over = null) {
      if (!loaded || asking) return undefined;
      pointed = over;
      const pool = () => undecided(scope === "all" ? list.left() : list.page());
      switch (action.type) {
        case "toggle": return current === null ? undefined : this.toggle(current);
        case "all": return this.mark(list.page(), true);
        case "everything": return this.mark(list.left(), true);
        case "invert": marks.invert(pool()); return draw();
        case "clear": marks.clear(); return draw();
        case "swap": return this.setMode(mode === "rest" ? "chosen" : "rest");
        case "next": case "previous": return turn(action.type);
        case "reload": return open(filter);
        case "undo": case "redo": return turnBack(action.type);
        case "search": return pick(false);
        case "ambiguous": return pick(true);
        case "digit": return classes[action.index] === undefined ? view.status(`There is no class at ${(action.index + 1) % 10}.`) : decide("relabel", [classes[action.index]]);
        default: return decide(action.type);
      }
    },
  };
}
