import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createIndex, decodePoints, decodeValues, fitRanges, flaggedRows, groupsOf, PALETTE, placeAt, resized, sizeOf, trustColour, UNKNOWN,
} from "../../assets/web/points.js";

// A generator of our own: the same points on every machine.
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function cloud(n, seed, spread = () => 1) {
  const random = generator(seed);
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  for (let i = 0; i < n; i += 1) {
    const scale = spread(i);
    x[i] = (random() * 2 - 1) * scale;
    y[i] = (random() * 2 - 1) * scale;
  }
  return { n, x, y };
}

function bruteForce({ x, y, n }, px, py, radius, accept = () => true) {
  let [best, found] = [radius * radius, -1];
  for (let i = 0; i < n; i += 1) {
    const distance = (x[i] - px) ** 2 + (y[i] - py) ** 2;
    if (accept(i) && (distance < best || (found < 0 && distance === best))) [best, found] = [distance, i];
  }
  return found;
}

const bytes = (...arrays) => {
  const parts = arrays.map((array) => new Uint8Array(array.buffer));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
};

test("points come out of their bytes", () => {
  const points = decodePoints(bytes(new Uint32Array([2]), new Uint32Array([7, 90000]), new Float32Array([0.5, -1]), new Float32Array([0.25, 1])));
  assert.equal(points.n, 2);
  assert.deepEqual([...points.positions], [7, 90000]);
  assert.deepEqual([...points.x, ...points.y], [0.5, -1, 0.25, 1]);
});

test("values come out of their bytes, whatever their number does to the alignment", () => {
  for (const n of [0, 1, 2, 3]) {
    const fill = (type, make) => type.from({ length: n }, (_, i) => make(i));
    const values = decodeValues(bytes(
      new Uint32Array([n]), fill(Float32Array, (i) => i / 4), fill(Uint32Array, (i) => i), fill(Uint32Array, () => UNKNOWN), fill(Uint8Array, (i) => 6 - i)));
    assert.equal(values.n, n);
    assert.deepEqual([...values.pClean], [0, 0.25, 0.5].slice(0, n));
    assert.deepEqual([...values.given], [0, 1, 2].slice(0, n));
    assert.deepEqual([...values.suggested], Array(n).fill(UNKNOWN));
    assert.deepEqual([...values.outcome], [6, 5, 4].slice(0, n));
  }
});

test("bytes that are cut short are said to be, not drawn", () => {
  const whole = bytes(new Uint32Array([2]), new Uint32Array([7, 8]), new Float32Array(4));
  for (const length of [0, 3, 4, whole.byteLength - 1]) assert.throws(() => decodePoints(whole.slice(0, length)), /incomplete/);
  assert.throws(() => decodeValues(whole), /incomplete/);
});

test("the index finds what looking at every point finds: sparse, dense, clustered, and on one spot", () => {
  const clouds = {
    sparse: cloud(40, 1),
    dense: cloud(20000, 2),
    clustered: cloud(5000, 3, (i) => (i % 50 ? 0.01 : 1)),
    "on one line": { n: 300, x: Float32Array.from({ length: 300 }, (_, i) => i / 300), y: new Float32Array(300) },
    "on one spot": { n: 50, x: new Float32Array(50).fill(0.3), y: new Float32Array(50).fill(-0.2) },
    single: { n: 1, x: new Float32Array([0.1]), y: new Float32Array([0.1]) },
  };
  const random = generator(9);
  for (const [name, points] of Object.entries(clouds)) {
    const index = createIndex(points);
    let hits = 0;
    for (let k = 0; k < 300; k += 1) {
      const aim = Math.floor(random() * points.n);
      const [px, py] = [points.x[aim] + (random() - 0.5) * 0.05, points.y[aim] + (random() - 0.5) * 0.05];
      const radius = 0.002 + random() * 0.1;
      const expected = bruteForce(points, px, py, radius);
      assert.equal(index.nearest(px, py, radius), expected, `${name}: ${px}, ${py}, ${radius}`);
      hits += expected >= 0;
      assert.equal(index.nearest(points.x[aim], points.y[aim], 0.001), bruteForce(points, points.x[aim], points.y[aim], 0.001), name);
    }
    assert.ok(hits > 100, `${name}: only ${hits} of the aims had a point near`);
  }
});

test("points that are filtered out are not hit, and far away nothing is", () => {
  const points = cloud(2000, 4);
  const index = createIndex(points);
  const even = (i) => i % 2 === 0;
  for (let i = 1; i < 400; i += 2) {
    assert.equal(index.nearest(points.x[i], points.y[i], 0.2, even), bruteForce(points, points.x[i], points.y[i], 0.2, even));
  }
  assert.equal(index.nearest(9, 9, 0.5), -1);
  assert.equal(createIndex({ n: 0, x: new Float32Array(0), y: new Float32Array(0) }).nearest(0, 0, 1), -1);
});

test("a pixel names the same place as the ranges do, also after a change of size", () => {
  const points = { n: 2, x: new Float32Array([-1, 1]), y: new Float32Array([-0.4, 0.4]) };
  const box = { width: 1000, height: 600 };
  const ranges = fitRanges(points, box.width, box.height);
  const perPixel = (ranges.x[1] - ranges.x[0]) / box.width;
  assert.ok(Math.abs((ranges.y[1] - ranges.y[0]) / box.height - perPixel) < 1e-12, "one scale on both axes");
  assert.ok(ranges.x[0] < -1 && ranges.x[1] > 1 && ranges.y[1] > 0.4, "everything is in view");
  assert.deepEqual(placeAt(ranges, box, 500, 300), { x: 0, y: 0, perPixel });
  assert.equal(placeAt(ranges, box, 0, 0).x, ranges.x[0]);
  assert.equal(placeAt(ranges, box, 0, 0).y, ranges.y[1]);
  const wider = resized(ranges, box, { width: 1400, height: 300 });
  assert.ok(Math.abs((wider.x[1] - wider.x[0]) / 1400 - perPixel) < 1e-12);
  assert.ok(Math.abs((wider.y[1] - wider.y[0]) / 300 - perPixel) < 1e-12);
});

test("every row has exactly one group, whatever it is coloured by", () => {
  const n = 500;
  const random = generator(5);
  const classes = Array.from({ length: 30 }, (_, k) => `class ${k}`);
  const outcomes = ["undecided", "keep", "relabel", "ambiguous", "out_of_scope", "bad_image", "skip"];
  const values = {
    n,
    pClean: Float32Array.from({ length: n }, (_, i) => (i % 50 ? random() : NaN)),
    given: Uint32Array.from({ length: n }, () => Math.floor(random() ** 2 * 30)),
    suggested: Uint32Array.from({ length: n }, (_, i) => (i % 40 ? Math.floor(random() * 3) : UNKNOWN)),
    outcome: Uint8Array.from({ length: n }, () => Math.floor(random() * 7)),
  };
  values.pClean[1] = 1;
  for (const by of ["given", "suggested", "p_clean", "outcome"]) {
    const groups = groupsOf(values, by, { classes, outcomes });
    assert.deepEqual(groups.flatMap((group) => group.rows).sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i), by);
    assert.equal(new Set(groups.map((group) => group.key)).size, groups.length);
  }
  const given = groupsOf(values, "given", { classes, outcomes });
  assert.equal(given.length, 13);
  assert.match(given[0].name, /^\d+ other classes$/);
  const least = Math.min(...given.slice(1).map((group) => group.rows.length));
  const most = Math.max(...classes.map((_, k) => (given.some(({ key }) => key === `class ${k}`) ? 0 : values.given.filter((each) => each === k).length)));
  assert.ok(least >= most, "the frequent classes have the colours");
});

test("flagged are those below the threshold that nobody has decided", () => {
  const values = { n: 5, pClean: new Float32Array([0.1, 0.1, 0.5, NaN, 0.49]), outcome: new Uint8Array([0, 1, 0, 0, 0]) };
  assert.deepEqual(flaggedRows(values, 0.5), [0, 4]);
});

test("points shrink as they get many, within bounds", () => {
  const sizes = [1, 400, 1500, 20000, 100000, 1e7].map(sizeOf);
  for (let i = 1; i < sizes.length; i += 1) assert.ok(sizes[i] <= sizes[i - 1]);
  assert.ok(sizes[0] <= 9 && sizes.at(-1) >= 2.5);
});

// ---- colours that hold for colour-blind eyes ------------------------------------------------------
const linear = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
// Machado, Oliveira & Fernandes 2009, severity 1.
const EYES = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  "red-blind": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  "green-blind": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  "blue-blind": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i], 0));

function lab(rgb) {
  const [x, y, z] = times([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], rgb.map((c) => Math.max(0, Math.min(1, c))));
  const f = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const [fx, fy, fz] = [f(x / 0.95047), f(y), f(z / 1.08883)];
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));

for (const [eyes, matrix] of Object.entries(EYES)) {
  test(`the class colours stay apart for ${eyes} eyes`, () => {
    const seen = PALETTE.map((hex) => lab(times(matrix, linear(hex))));
    for (let i = 0; i < seen.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const apart = distance(seen[i], seen[j]);
        assert.ok(apart > 15, `${PALETTE[i]} and ${PALETTE[j]}: ${apart.toFixed(1)}`);
      }
    }
  });

  test(`suspicious and right are far apart for ${eyes} eyes, and closer values are closer`, () => {
    const seen = [0, 0.5, 1].map((p) => lab(times(matrix, linear(trustColour(p)))));
    assert.ok(distance(seen[0], seen[2]) > 50);
    assert.ok(distance(seen[0], seen[1]) < distance(seen[0], seen[2]));
    assert.ok(distance(seen[1], seen[2]) < distance(seen[0], seen[2]));
  });
}
