import assert from "node:assert/strict";
import { test } from "node:test";
import { legendOf } from "../../assets/web/attention.js";
import { cropOf, decodeMap, differenceColour, gradientOf, heatColour, nextMode, oklch, paint, upsample } from "../../assets/web/heat.js";

const near = (actual, expected, slack = 1e-6) => assert.ok(Math.abs(actual - expected) <= slack, `${actual} is not ${expected}`);
const SHADES = Array.from({ length: 101 }, (_, i) => i / 100);

/** WCAG's relative luminance of sRGB bytes: what is left of a colour for an eye that sees no hue. */
function luminance([r, g, b]) {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

test("V goes given, suggested, difference, off, and skips what is the same", () => {
  const round = (same) => {
    const seen = [];
    for (let mode = nextMode(null, same); mode !== null; mode = nextMode(mode, same)) seen.push(mode);
    return seen;
  };
  assert.deepEqual(round(false), ["given", "suggested", "difference"]);
  assert.deepEqual(round(true), ["given"]);
  for (const mode of ["suggested", "difference"]) assert.equal(nextMode(mode, true), null, mode);
});

test("a map is read from its bytes", () => {
  const values = decodeMap(Buffer.from([0, 51, 255, 128]).toString("base64"));
  assert.deepEqual([...values], [0, 51 / 255, 1, 128 / 255].map(Math.fround));
});

test("the overlay lies where engine.pixels.square cut", () => {
  // [width, height, size of the model's square] → shares of the picture, as computed by that function.
  const cuts = [
    [[640, 480, 224], [0.124161, 0, 0.751678, 1]],
    [[333, 500, 64], [0, 0.166667, 1, 0.666667]],
    [[64, 64, 32], [0, 0, 1, 1]],
    [[1001, 77, 224], [0.461538, 0, 0.076923, 1]],
    [[225, 224, 224], [0, 0, 0.995556, 1]],
    [[500, 375, 64], [0.117647, 0, 0.752941, 1]],
  ];
  for (const [[width, height, size], expected] of cuts) {
    const { left, top, width: across, height: down } = cropOf(width, height, size);
    [left, top, across, down].forEach((share, i) => near(share, expected[i], 1e-5));
    const rough = cropOf(width, height);
    near(rough.left, left, 1 / size);
    near(rough.top, top, 1 / size);
  }
});

test("an enlarged map goes through its values, stays in their range and makes no edges", () => {
  const grid = 5;
  const values = Float32Array.from({ length: grid * grid }, (_, i) => ((i * 7919) % 101) / 100);
  const side = grid * 9; // an odd number of pixels per cell: one lies on the middle
  const wide = upsample(values, grid, side);
  for (let y = 0; y < grid; y += 1) for (let x = 0; x < grid; x += 1) near(wide[(9 * y + 4) * side + 9 * x + 4], values[y * grid + x]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  assert.ok(wide.every((value) => value >= low && value <= high));
  for (let y = 0; y < side; y += 1) {
    for (let x = 1; x < side; x += 1) assert.ok(Math.abs(wide[y * side + x] - wide[y * side + x - 1]) < 0.25, `${x}, ${y}`);
  }
  assert.ok(upsample(new Float32Array(9).fill(0.5), 3, 20).every((value) => Math.abs(value - 0.5) < 1e-6));
});

test("a map is neither turned nor mirrored", () => {
  const values = new Float32Array(16);
  values[4 * 1 + 2] = 1; // second row, third column
  const wide = upsample(values, 4, 8);
  const peak = wide.indexOf(Math.max(...wide));
  assert.deepEqual([Math.floor(peak / 8 / 2), Math.floor((peak % 8) / 2)], [1, 2]);
});

test("OKLCH is that of its paper", () => {
  assert.deepEqual(oklch(0.62796, 0.25768, 29.234), [255, 0, 0]);
  assert.deepEqual(oklch(0.51975, 0.17686, 142.495), [0, 128, 0]);
  assert.deepEqual(oklch(1, 0, 0), [255, 255, 255]);
});

test("more evidence is lighter, in every step, so the order needs no hue", () => {
  const lights = SHADES.map((value) => luminance(heatColour(value)));
  for (let i = 1; i < lights.length; i += 1) assert.ok(lights[i] > lights[i - 1], `at ${i}`);
  assert.ok(lights[0] < 0.02 && lights.at(-1) > 0.75);
  SHADES.map(heatColour).forEach(([, , , alpha]) => assert.ok(alpha > 0 && alpha < 0.7)); // the picture shows through
});

test("a difference fades to nothing, and its sides differ for the usual colour vision deficiencies", () => {
  assert.equal(differenceColour(0)[3], 0);
  for (const value of SHADES) assert.equal(differenceColour(value)[3], differenceColour(-value)[3]);
  const [given, suggested] = [differenceColour(1), differenceColour(-1)];
  // Without red-green vision, blue against yellow is what is left: b − (r + g) / 2.
  const left = ([r, g, b]) => b - (r + g) / 2;
  assert.ok(left(suggested) - left(given) > 120);
});

test("what is painted: given, suggested, and given minus suggested", () => {
  const maps = { grid: 2, given: Float32Array.of(1, 0, 0, 0.5), suggested: Float32Array.of(0, 1, 0, 0.5) };
  const pixel = (bytes, i) => [...bytes.slice(4 * i, 4 * i + 4)];
  const bytes = ([r, g, b, alpha]) => [r, g, b, Math.round(255 * alpha)];
  assert.deepEqual(pixel(paint("given", maps, 2), 0), bytes(heatColour(1)));
  assert.deepEqual(pixel(paint("suggested", maps, 2), 1), bytes(heatColour(1)));
  const difference = paint("difference", maps, 2);
  assert.deepEqual(pixel(difference, 0), bytes(differenceColour(1)));
  assert.deepEqual(pixel(difference, 1), bytes(differenceColour(-1)));
  assert.equal(pixel(difference, 2)[3], 0);
  assert.equal(pixel(difference, 3)[3], 0);
});

test("the scale of the legend has the colours of the map", () => {
  const first = heatColour(0).slice(0, 3).join(" ");
  const last = heatColour(1).slice(0, 3).join(" ");
  assert.ok(gradientOf("given").startsWith(`rgb(${first})`) && gradientOf("given").endsWith(`rgb(${last})`));
  assert.match(gradientOf("difference", 3), /, rgb\([^,]* \/ 0\.000\), /);
});

test("the legend names the class that is shown", () => {
  const card = { given: { name: "fox" }, suggested: { name: "dog" } };
  const said = (mode, of = card) => legendOf(mode, of).flat().map(([text]) => text).join(" ");
  assert.equal(said("given"), "Where the model sees fox (given)");
  assert.equal(said("suggested"), "Where the model sees dog (suggested)");
  assert.equal(said("difference"), "More for dog (suggested) for fox (given)");
  const same = { given: { name: "fox" }, suggested: { name: "fox" } };
  assert.equal(said("given", same), "Where the model sees fox (given and suggested)");
  assert.equal(said("suggested", same), "Where the model sees fox (given and suggested)");
  assert.match(said("difference", same), /no difference/);
  assert.equal(said("given", { given: { name: "fox" }, suggested: null }), "Where the model sees fox (given)");
});
