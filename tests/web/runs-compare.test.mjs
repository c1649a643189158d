import assert from "node:assert/strict";
import test from "node:test";

import { barsOf, compareWords } from "../../assets/web/runs-compare.js";

test("what changed is said in two sentences", () => {
  assert.equal(compareWords({ n: 1500, entered: 27, left: 143, both: 190, agree: 0.931 }),
    "27 images entered the flagged ones, 143 left; both flag 190. They suggest the same class for 93 % of 1,500 images.");
  assert.equal(compareWords({ n: 1500, entered: 1, left: 0, both: 0, agree: 1 }),
    "1 image entered the flagged ones, 0 left; both flag 0. They suggest the same class for 100 % of 1,500 images.");
  assert.match(compareWords({ n: 0 }), /no image in common/);
});

test("bars stand back to back on one line and share one scale", () => {
  const bars = barsOf([0, 4], [16, 1]);
  assert.equal(bars.length, 4);
  for (const { side, y, height } of bars) assert.ok(side === "first" ? Math.abs(y + height - 50) < 1e-9 : y === 50);
  assert.deepEqual(bars.map(({ height }) => Math.round(height)), [0, 24, 48, 12]);
  assert.ok(bars.every(({ x, width }) => x >= 0 && x + width <= 100));
  assert.ok(barsOf([0, 0], [0, 0]).every(({ height }) => height === 0));
});
