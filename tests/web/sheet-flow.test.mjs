import assert from "node:assert/strict";
import { test } from "node:test";
import { createSheetFlow, queryOf } from "../../assets/web/sheet-flow.js";

const CELL = { given: "cat", suggested: "dog" };
const plain = (text) => (text ?? "").replace(/[\u2068\u2069]/g, "");

/** A server of n samples of one cell, and a view that remembers what it was shown. */
async function desk({ n = 100, filter = CELL, fit = 30, yes = true, refuse = [] } = {}) {
  const seen = { posts: [], gets: [], asked: [], status: [], screens: [], picked: null, page: null, foot: null, changed: 0 };
  const server = { failing: null, history: [], undone: [] };
  let ids = 0;
  const calls = {
    async get(path) {
      seen.gets.push(path);
      if (path.startsWith("/api/tiles")) return { tiles: path.split("=")[1].split(",").map((p) => ({ position: Number(p), path: `${p}.png`, image: `/image/${p}`, given: "cat", suggested: "dog", p_clean: 0.1, outcome: null, labels: [] })) };
      return { classes: [{ errors_expected: 80 }], cells: [{ given: "cat", suggested: "dog", undecided: n }] };
    },
    async post(path, body) {
      seen.posts.push([path, structuredClone(body)]);
      if (server.failing) throw server.failing;
      if (path === "/api/acts") {
        server.history.push(body);
        return { saved: body.positions.length - refuse.length, refused: refuse.map((position) => ({ position, error: "It is gone." })), progress: {} };
      }
      const [from, to, word] = path === "/api/undo" ? [server.history, server.undone, "undone"] : [server.undone, server.history, "redone"];
      const act = from.pop();
      if (act) to.push(act);
      return { [word]: act ? { position: act.positions[0], outcome: act.outcome, labels: act.labels } : null, count: act?.positions.length ?? 0, progress: {} };
    },
  };
  const view = {
    page: (model) => { seen.page = model; }, foot: (model) => { seen.foot = model; }, status: (text) => seen.status.push(plain(text)), screen: (kind) => seen.screens.push(kind),
    saving: (state) => { seen.saving = state; }, ask: async (text) => { seen.asked.push(text); return yes; }, pick: (options) => { seen.picked = options; },
    preload() {}, cap: () => "Z", expected: (wrong) => { seen.expected = wrong; }, progress() {}, changed: () => { seen.changed += 1; }, cells: () => [{ given: "cat", suggested: "fox", undecided: 1 }],
  };
  const positions = async (query) => { seen.query = query; return { positions: Array.from({ length: n }, (_, i) => i), total: n }; };
  const flow = createSheetFlow({ calls, positions, uuid: () => `id-${(ids += 1)}`, view });
  flow.resize({ tiles: fit });
  await flow.open(filter);
  await new Promise((done) => setTimeout(done));
  return { flow, seen, server };
}

const acts = (seen) => seen.posts.filter(([path]) => path === "/api/acts").map(([, body]) => body);
const said = (seen) => seen.page.entries.filter(({ here }) => here).map(({ position, decision }) => [position, decision.outcome, decision.labels[0]]);

test("a sheet asks for what is yet to be decided, unless its filter says otherwise", () => {
  assert.equal(queryOf(CELL), "given=cat&suggested=dog&outcome=undecided%2Cskip");
  assert.equal(queryOf({ outcome: ["keep"] }), "outcome=keep");
});

test("exceptions are marked, one key decides the rest of the page, E and one more the exceptions", async () => {
  const { flow, seen } = await desk();
  assert.equal(seen.foot.mode, "rest");
  assert.deepEqual(seen.foot.classes, ["dog", "fox"]);
  assert.equal(seen.expected, 80);
  for (const position of [3, 7]) flow.toggle(position);
  await flow.press({ type: "suggestion" });
  assert.deepEqual(seen.asked, ["Take the suggestion for 28 samples?"]);
  assert.deepEqual(acts(seen).map(({ outcome, positions }) => [outcome, positions.length, positions.includes(3)]), [["suggestion", 28, false]]);
  assert.equal(seen.status.at(-1), "28 relabelled · Z takes it back");
  assert.deepEqual(said(seen)[0], [0, "relabel", "dog"]);
  await flow.press({ type: "suggestion" }); // pressed twice by mistake: the exceptions are not touched
  assert.equal(acts(seen).length, 1);
  assert.match(seen.status.at(-1), /All 2 are exceptions/);
  flow.press({ type: "swap" });
  await flow.press({ type: "keep" });
  assert.deepEqual(acts(seen)[1].positions, [3, 7]);
  assert.equal(seen.asked.length, 1); // two samples need no question
  assert.equal(seen.foot.mode, "rest"); // for the next page
  flow.press({ type: "next" });
  assert.deepEqual(seen.page.entries.map(({ position }) => position), Array.from({ length: 30 }, (_, i) => 30 + i));
  assert.deepEqual([seen.page.range.first, seen.page.range.of], [1, 70]);
});

test("no is no: nothing is sent", async () => {
  const { flow, seen } = await desk({ yes: false });
  await flow.press({ type: "keep" });
  assert.equal(seen.asked.length, 1);
  assert.equal(acts(seen).length, 0);
  assert.equal(seen.status.at(-1), "Nothing was changed.");
});

test("the whole sheet at once, and one undo for all of it", async () => {
  const { flow, seen } = await desk();
  flow.setScope("all");
  await flow.press({ type: "digit", index: 1 });
  assert.deepEqual(acts(seen).map(({ outcome, labels, positions }) => [outcome, labels, positions.length]), [["relabel", ["fox"], 100]]);
  assert.equal(seen.foot.all, 0);
  await flow.press({ type: "undo" });
  assert.equal(seen.status.at(-1), "Taken back: 100 relabelled");
  assert.equal(seen.foot.all, 100);
  assert.deepEqual(said(seen), []);
  await flow.press({ type: "redo" });
  assert.equal(seen.status.at(-1), "Done again: 100 relabelled");
  assert.equal(seen.foot.all, 0);
  await flow.press({ type: "redo" });
  assert.equal(seen.status.at(-1), "There is nothing to redo.");
});

test("a failed save is kept, blocks the next act, and is sent again under the same id", async () => {
  const { flow, seen, server } = await desk({ n: 10 });
  server.failing = new TypeError("network");
  await flow.press({ type: "keep" });
  assert.deepEqual([seen.saving.notSaved.status, seen.saving.notSaved.act.positions.length], [null, 10]);
  assert.ok(flow.unsaved);
  assert.deepEqual(said(seen), []); // nothing is shown as decided that is not on disk
  await flow.press({ type: "skip" });
  assert.equal(acts(seen).length, 1);
  server.failing = null;
  await flow.again();
  assert.equal(acts(seen)[1].id, acts(seen)[0].id);
  assert.equal(seen.saving.notSaved, null);
  assert.equal(said(seen).length, 10);
});

test("a refusal is said and forgotten; a sample that is refused stays open", async () => {
  const first = await desk({ n: 10 });
  first.server.failing = Object.assign(new Error("There is no class fox."), { status: 400 });
  await first.flow.press({ type: "keep" });
  assert.equal(first.seen.status.at(-1), "Nothing was recorded: There is no class fox.");
  assert.ok(!first.flow.unsaved);
  const { flow, seen } = await desk({ n: 10, refuse: [4] });
  await flow.press({ type: "keep" });
  assert.equal(seen.status.at(-1), "9 kept · Z takes it back · 1 refused: It is gone.");
  assert.equal(said(seen).length, 9);
  assert.equal(seen.foot.all, 1);
});

test("with nothing chosen, a key decides the tile under the pointer, and nothing else", async () => {
  const { flow, seen } = await desk({ filter: {} });
  await flow.press({ type: "out_of_scope" }, 0, 4);
  assert.deepEqual(acts(seen).map(({ outcome, positions }) => [outcome, positions]), [["out_of_scope", [4]]]);
  await flow.press({ type: "keep" }, 0, 4); // decided already
  await flow.press({ type: "keep" }, 0, 90); // of another page
  flow.toggle(7);
  await flow.press({ type: "keep" }, 0, 9); // what is chosen comes first
  assert.deepEqual(acts(seen).map(({ positions }) => positions), [[4], [7]]);
  const pair = await desk();
  await pair.flow.press({ type: "bad_image" }, 0, 4); // marks are exceptions there: a key means the rest
  assert.ok(acts(pair.seen)[0].positions.length > 1);
});

test("without a pair, marks are what a key acts on; without marks nothing happens", async () => {
  const { flow, seen } = await desk({ filter: {} });
  assert.equal(seen.foot.mode, "chosen");
  await flow.press({ type: "keep" });
  assert.equal(seen.posts.length, 0);
  assert.match(seen.status.at(-1), /Point at a tile/);
  flow.toggle(2);
  flow.range(5);
  flow.press({ type: "toggle" }, 9);
  await flow.press({ type: "bad_image" });
  assert.deepEqual(acts(seen)[0].positions, [2, 3, 4, 5, 9]);
  assert.equal(seen.foot.marked, 0);
  flow.press({ type: "everything" });
  assert.equal(seen.foot.marked, 95);
  flow.press({ type: "invert" });
  assert.equal(seen.foot.marked, 70); // of this page
});

test("the picker: one class, several; the given class means keep", async () => {
  const { flow, seen } = await desk({ n: 5 });
  flow.press({ type: "search" });
  assert.equal(seen.picked.multi, false);
  await seen.picked.onChoose(["cat"]);
  assert.deepEqual(acts(seen)[0].outcome, "keep");
  await flow.press({ type: "undo" });
  flow.press({ type: "ambiguous" });
  assert.deepEqual([seen.picked.multi, seen.picked.likeliest], [true, ["dog", "fox", "cat"]]);
  await seen.picked.onChoose(["cat", "dog"]);
  assert.deepEqual(acts(seen)[1].labels, ["cat", "dog"]);
});

test("tiles are asked for a page at a time, one page ahead, and once", async () => {
  const { flow, seen } = await desk();
  const tiles = () => seen.gets.filter((path) => path.startsWith("/api/tiles")).map((path) => path.split("=")[1].split(",").length);
  assert.deepEqual(tiles(), [30, 30]);
  await flow.press({ type: "next" });
  assert.deepEqual(tiles(), [30, 30, 30]);
  await flow.press({ type: "previous" });
  assert.deepEqual(tiles(), [30, 30, 30]);
});

test("tiles that are under way are not asked for again, however fast the pages are turned", async () => {
  const { flow, seen } = await desk();
  const asked = () => seen.gets.filter((path) => path.startsWith("/api/tiles")).flatMap((path) => path.split("=")[1].split(","));
  await Promise.all([flow.press({ type: "next" }), flow.press({ type: "next" }), flow.press({ type: "previous" }), flow.press({ type: "next" })]);
  assert.deepEqual(asked().length, new Set(asked()).size);
});

test("an empty sheet, and a server that fails, have a screen", async () => {
  const { seen } = await desk({ n: 0 });
  assert.deepEqual(seen.screens, ["loading", "empty"]);
});

test("what was decided before the sheet was opened anew comes back to it by an undo", async () => {
  const { flow, seen } = await desk({ n: 10 });
  flow.toggle(4);
  await flow.press({ type: "keep" });
  await flow.reload();
  const loads = () => seen.screens.filter((kind) => kind === "loading").length;
  assert.equal(loads(), 2);
  await flow.press({ type: "undo" }); // these are on the list: nothing moves
  assert.equal(loads(), 2);
  seen.status.length = 0;
  const other = await desk({ n: 0 });
  other.server.history.push({ outcome: "keep", labels: [], positions: [77] });
  await other.flow.press({ type: "undo" });
  assert.deepEqual(other.seen.screens, ["loading", "empty", "loading", "empty"]);
  assert.equal(other.seen.status.at(-1), "Taken back: 1 kept");
});
