import assert from "node:assert/strict";
import { test } from "node:test";
import { fullScale, kept, wheelFactor, zoomedTo } from "../../assets/web/zoom.js";

const frame = { width: 600, height: 400, boxWidth: 800, boxHeight: 400, most: 8 };
const whole = { scale: 1, x: 0, y: 0 };
/** Where a point of the picture (px from its middle, at scale 1) is on the stage. */
const placeOf = ({ scale, x, y }, point) => ({ x: point.x * scale + x, y: point.y * scale + y });

test("the point below the pointer stays below it", () => {
  const at = { x: 120, y: -80 };
  let view = zoomedTo(whole, 3, at, frame);
  assert.equal(view.scale, 3);
  const place = placeOf(view, { x: 120, y: -80 });
  assert.ok(Math.abs(place.x - 120) < 1e-9 && Math.abs(place.y + 80) < 1e-9);
  view = zoomedTo(view, 5, { x: -40, y: 60 }, frame);
  const back = { x: (-40 - zoomedTo(whole, 3, at, frame).x) / 3, y: (60 - zoomedTo(whole, 3, at, frame).y) / 3 };
  assert.ok(Math.abs(placeOf(view, back).x + 40) < 1e-9);
});

test("the picture cannot be pushed off the stage, and a side that fits stays in the middle", () => {
  assert.deepEqual(kept({ scale: 2, x: 9999, y: -9999 }, frame), { scale: 2, x: 200, y: -200 });
  assert.deepEqual(kept({ scale: 1.2, x: 50, y: 50 }, frame), { scale: 1.2, x: 0, y: 40 });
  const out = zoomedTo({ scale: 4, x: 500, y: 300 }, 1, { x: 10, y: 10 }, frame);
  assert.ok(out.scale === 1 && out.x === 0 && Math.abs(out.y) === 0);
});

test("zoom has its limits", () => {
  assert.equal(zoomedTo(whole, 100, { x: 0, y: 0 }, frame).scale, 8);
  assert.equal(zoomedTo(whole, 0.1, { x: 0, y: 0 }, frame).scale, 1);
});

test("100 % is one image pixel on one pixel of the screen", () => {
  assert.equal(fullScale(4000, 500), 8);
  assert.equal(fullScale(4000, 500, 2), 4);
  assert.equal(fullScale(0, 500), 1);
  assert.equal(fullScale(4000, 0), 1);
});

test("a wheel turned forth and back ends where it began; lines count as pixels", () => {
  assert.ok(Math.abs(wheelFactor({ deltaY: 100 }) * wheelFactor({ deltaY: -100 }) - 1) < 1e-12);
  assert.ok(wheelFactor({ deltaY: -100 }) > 1);
  assert.equal(wheelFactor({ deltaY: 3, deltaMode: 1 }), wheelFactor({ deltaY: 48 }));
  assert.ok(wheelFactor({ deltaY: -1e9 }) < 2, "one event is never a leap");
});
