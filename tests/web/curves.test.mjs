import assert from "node:assert/strict";
import test from "node:test";

import { faded, layoutOf, lossTraces, shareTraces } from "../../assets/web/curves.js";

const epoch = (number, more = {}) => ({ epoch: number, of: 10, loss: 2 / number, losses: { pair_loss: 1, similarity: 0.5 }, selected: 0.5, agreement: null, ...more });

test("the loss is drawn with the parts that it is the sum of", () => {
  const traces = lossTraces([epoch(1), epoch(2, { losses: { pair_loss: 0.7 } })]);
  assert.deepEqual(traces.map(({ name }) => name), ["loss", "pair loss", "similarity"]);
  assert.deepEqual(traces[0].x, [1, 2]);
  assert.deepEqual(traces[0].y, [2, 1]);
  assert.deepEqual(traces[2].y, [0.5, null]); // a gap, not a zero
  assert.deepEqual(lossTraces([epoch(1, { losses: { only: 2 } })]).map(({ name }) => name), ["loss"]);
});

test("colour is never the only sign of a curve", () => {
  const traces = [...lossTraces([epoch(1)]), ...shareTraces([epoch(1, { agreement: 0.9 })])];
  assert.equal(new Set(lossTraces([epoch(1)]).map(({ line, marker }) => line.dash + marker.symbol)).size, 3);
  assert.equal(new Set(traces.slice(3).map(({ line, marker }) => line.dash + marker.symbol)).size, 2);
});

test("a share that no epoch knows is not drawn", () => {
  assert.deepEqual(shareTraces([epoch(1)]).map(({ name }) => name), ["counted clean"]);
  assert.deepEqual(shareTraces([epoch(1), epoch(2, { agreement: 0.9 })])[1].y, [null, 0.9]);
  assert.deepEqual(shareTraces([epoch(1, { selected: null })]), []);
});

test("the axis is as long as the training, from its first epoch", () => {
  const look = { ink: "rgb(0, 0, 0)", edge: "#8888", font: "sans-serif" };
  assert.deepEqual(layoutOf("Loss", [epoch(1)], 500, look).xaxis.range, [0.5, 10.5]);
  assert.equal(layoutOf("Loss", [epoch(1)], 500, look).xaxis.dtick, 1);
  assert.equal(layoutOf("Loss", [epoch(1, { of: 100 })], 500, look).xaxis.dtick, undefined);
  assert.deepEqual(layoutOf("Shares", [epoch(1)], 500, look, { range: [0, 1] }).yaxis.range, [0, 1]);
});

test("lines behind the curves are a thin shade of the text", () => {
  assert.equal(faded("rgb(31, 41, 55)"), "rgba(31, 41, 55, 0.18)");
  assert.equal(faded("color(srgb 0 0 0)"), "rgba(128, 128, 128, 0.3)");
});
