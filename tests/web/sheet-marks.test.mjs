import assert from "node:assert/strict";
import { test } from "node:test";
import { createMarks, gridOf, roomy, step, targetsOf } from "../../assets/web/sheet-marks.js";

const PAGE = [10, 11, 12, 13, 14, 15];
const LEFT = [...PAGE, 20, 21];

function marksOf(...positions) {
  const marks = createMarks();
  marks.put(positions, true);
  return marks;
}

test("click, Shift+click, invert and clear", () => {
  const marks = createMarks();
  marks.toggle(11);
  marks.range(PAGE, 13);
  assert.deepEqual(marks.among(PAGE), [11, 12, 13]);
  marks.toggle(13); // an unmarked anchor takes marks away
  marks.range(PAGE, 11);
  assert.deepEqual(marks.among(PAGE), []);
  marks.put([10, 15], true);
  marks.invert(PAGE);
  assert.deepEqual(marks.among(PAGE), [11, 12, 13, 14]);
  marks.clear();
  assert.equal(marks.size, 0);
});

test("a range without a start on the page starts where it is told, or is one tile", () => {
  const marks = createMarks();
  marks.range(PAGE, 12);
  assert.deepEqual(marks.among(PAGE), [12]);
  marks.clear();
  marks.range(PAGE, 13, 12);
  marks.range(PAGE, 14, 13);
  assert.deepEqual(marks.among(PAGE), [12, 13, 14]);
});

test("exceptions: a key acts on the rest of the page, or of the whole sheet", () => {
  const marks = marksOf(11, 20);
  const page = targetsOf({ mode: "rest", scope: "page", page: PAGE, left: LEFT, marks, done: new Map() });
  assert.deepEqual(page, { targets: [10, 12, 13, 14, 15], spared: 1, of: 6, elsewhere: 0 });
  const all = targetsOf({ mode: "rest", scope: "all", page: PAGE, left: LEFT, marks, done: new Map() });
  assert.deepEqual(all.targets, [10, 12, 13, 14, 15, 21]);
  assert.deepEqual([all.spared, all.of], [2, 8]);
});

test("chosen: only those, on whichever page; what was decided here is never decided again by a second press", () => {
  const marks = marksOf(11, 12, 20);
  const done = new Map([[11, {}], [10, {}]]);
  const chosen = targetsOf({ mode: "chosen", scope: "page", page: PAGE, left: LEFT, marks, done });
  assert.deepEqual(chosen, { targets: [12, 20], spared: 0, of: 6, elsewhere: 1 });
  const rest = targetsOf({ mode: "rest", scope: "page", page: PAGE, left: LEFT, marks, done });
  assert.deepEqual(rest.targets, [13, 14, 15]);
  assert.deepEqual([rest.spared, rest.of], [1, 4]);
});

test("as many tiles as fit", () => {
  const sizes = { wide: 90, high: 100, gap: 6, most: 200 };
  assert.deepEqual(gridOf({ width: 954, height: 630 }, sizes), { columns: 10, rows: 6, tiles: 60 });
  assert.deepEqual(gridOf({ width: 10, height: 10 }, sizes), { columns: 1, rows: 1, tiles: 1 });
  const wide = gridOf({ width: 5000, height: 3000 }, sizes);
  assert.ok(wide.tiles <= 200 && wide.tiles === wide.columns * wide.rows);
});

test("arrows, Home and End walk the tiles and stop at the edges", () => {
  assert.equal(step("ArrowRight", 5, 6, 4), 5);
  assert.equal(step("ArrowLeft", 0, 6, 4), 0);
  assert.equal(step("ArrowDown", 1, 6, 4), 5);
  assert.equal(step("ArrowDown", 3, 6, 4), 5); // into the shorter last row
  assert.equal(step("ArrowDown", 5, 6, 4), 5);
  assert.equal(step("ArrowUp", 5, 6, 4), 1);
  assert.equal(step("ArrowUp", 1, 6, 4), 1);
  assert.deepEqual([step("Home", 3, 6, 4), step("End", 3, 6, 4), step("a", 3, 6, 4)], [0, 5, null]);
});

test("few tiles are drawn large, and all of them are still on the page", () => {
  const [box, sizes] = [{ width: 1022, height: 620 }, { wide: 90, high: 94, gap: 6, most: 200 }];
  assert.deepEqual(roomy(box, 60, sizes), gridOf(box, sizes));
  for (const n of [1, 7, 25, 40, 59]) {
    const grid = roomy(box, n, sizes);
    assert.ok(grid.tiles >= n && grid.columns <= 10, `${n}: ${JSON.stringify(grid)}`);
  }
  assert.ok(roomy(box, 25, sizes).columns < 10);
});
