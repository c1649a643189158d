import assert from "node:assert/strict";
import test from "node:test";

import { boxCorners, chosenOf, extended, rowsInside } from "../../assets/web/lasso.js";

const points = (pairs) => ({ n: pairs.length, x: Float32Array.from(pairs, (p) => p[0]), y: Float32Array.from(pairs, (p) => p[1]) });

test("a box holds what lies in it, whichever corner it began at", () => {
  const some = points([[0, 0], [1, 1], [2, 2], [-1, 5]]);
  for (const [a, b] of [[[0.5, 0.5], [3, 3]], [[3, 3], [0.5, 0.5]], [[0.5, 3], [3, 0.5]]]) {
    assert.deepEqual(rowsInside(some, boxCorners(a, b)), [1, 2]);
  }
});

test("a line that is bent inwards leaves out what lies in the bay", () => {
  const corners = [[0, 0], [10, 0], [10, 10], [5, 2], [0, 10]];
  assert.deepEqual(rowsInside(points([[5, 1], [5, 6], [1, 5], [9, 5], [5, -1]]), corners), [0, 2, 3]);
});

test("what is not shown is not chosen, and a stroke is no area", () => {
  const some = points([[1, 1], [2, 2], [3, 3]]);
  assert.deepEqual(rowsInside(some, boxCorners([0, 0], [9, 9]), (row) => row !== 1), [0, 2]);
  assert.deepEqual(rowsInside(some, [[0, 0], [9, 9]]), []);
});

test("every point agrees with the winding of a random line, counted another way", () => {
  let seed = 7;
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  const corners = Array.from({ length: 9 }, () => [random(), random()]);
  const some = points(Array.from({ length: 400 }, () => [random(), random()]));
  const crossings = (px, py) => corners.filter(([ax, ay], i) => {
    const [bx, by] = corners[(i + 1) % corners.length];
    if ((ay > py) === (by > py)) return false;
    return ax + ((py - ay) / (by - ay)) * (bx - ax) > px;
  }).length;
  const expected = Array.from({ length: 400 }, (_, i) => i).filter((i) => crossings(some.x[i], some.y[i]) % 2 === 1);
  assert.deepEqual(rowsInside(some, corners), expected);
  assert.ok(expected.length > 20 && expected.length < 380);
});

test("a trembling hand adds no corners, and a long line is thinned", () => {
  let corners = [[0, 0]];
  corners = extended(corners, 1, 1);
  assert.equal(corners.length, 1);
  for (let i = 1; i <= 2000; i += 1) corners = extended(corners, i * 5, (i % 7) * 5);
  assert.ok(corners.length <= 401);
  assert.deepEqual(corners.at(-1), [10000, (2000 % 7) * 5]);
});

test("chosen points keep the colours of their groups", () => {
  const groups = [{ key: "a", rows: [0, 1, 2] }, { key: "b", rows: [3] }, { key: "c", rows: [4] }];
  assert.deepEqual(chosenOf(groups, new Set([1, 3])), [{ key: "a", rows: [1] }, { key: "b", rows: [3] }]);
});

test("20,000 of 100,000 points are found quickly enough for a hand", (t) => {
  const n = 100000;
  const many = { n, x: Float32Array.from({ length: n }, (_, i) => (i % 317) / 317), y: Float32Array.from({ length: n }, (_, i) => (i % 331) / 331) };
  const ring = Array.from({ length: 200 }, (_, i) => [0.5 + 0.25 * Math.cos(i / 31.8), 0.5 + 0.25 * Math.sin(i / 31.8)]);
  const started = performance.now();
  const rows = rowsInside(many, ring);
  t.diagnostic(`${rows.length} of ${n} in ${(performance.now() - started).toFixed(1)} ms`);
  assert.ok(rows.length > 15000 && rows.length < 25000);
});
