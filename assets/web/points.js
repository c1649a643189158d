// The points of the map, without DOM or network: bytes to arrays, values to coloured groups, and the
// point that a pointer means.

export const UNKNOWN = 0xffffffff; // a class that the workspace does not have

const view = (buffer, type, at, n) => new type(buffer.slice(at, at + n * type.BYTES_PER_ELEMENT));

function countOf(buffer, bytesEach) {
  const n = buffer.byteLength >= 4 ? new DataView(buffer).getUint32(0, true) : -1;
  if (n < 0 || buffer.byteLength !== 4 + n * bytesEach) throw new Error("The map arrived incomplete; reload the page.");
  return n;
}

/** `/map/…bin`: {n, positions, x, y}. (Typed arrays read little-endian on every machine with a browser.) */
export function decodePoints(buffer) {
  const n = countOf(buffer, 12);
  return { n, positions: view(buffer, Uint32Array, 4, n), x: view(buffer, Float32Array, 4 + 4 * n, n), y: view(buffer, Float32Array, 4 + 8 * n, n) };
}

/** `/api/map/values`: {n, pClean, given, suggested, outcome}, rows as in the points. */
export function decodeValues(buffer) {
  const n = countOf(buffer, 13);
  const [given, suggested] = [view(buffer, Uint32Array, 4 + 4 * n, n), view(buffer, Uint32Array, 4 + 8 * n, n)];
  return { n, pClean: view(buffer, Float32Array, 4, n), given, suggested, outcome: view(buffer, Uint8Array, 4 + 12 * n, n) };
}

// ---- colours -----------------------------------------------------------------------------------
// Twelve colours that stay apart for normal, red-, green- and blue-blind eyes (found by search, tested in
// points.test.mjs), neither pale on white nor dark on black. Few classes get the most distant ones; a
// shape goes with each, because colour is never the only sign.
export const PALETTE = [
  "#197ed5", "#dc3c0c", "#08dd70", "#8f16fd", "#d28286", "#4a7142", "#fd69b8", "#7bd13e", "#9a5472", "#5ab3fb", "#1ea235", "#b700af",
];
const SHAPES = ["circle", "square", "diamond", "triangle-up"];
export const GREY = "#8b93a1";
const OUTCOME_LOOK = {
  undecided: ["Undecided", GREY, "circle"],
  keep: ["Kept", PALETTE[0], "circle"],
  relabel: ["Relabelled", PALETTE[1], "diamond"],
  ambiguous: ["Ambiguous", PALETTE[3], "square"],
  out_of_scope: ["Out of scope", PALETTE[2], "triangle-up"],
  bad_image: ["Bad image", PALETTE[8], "square"],
  skip: ["Skipped", PALETTE[4], "diamond"],
};
const STEPS = 10;
const SCALE = [[180, 35, 24], [240, 138, 75], [150, 156, 170], [80, 150, 220], [20, 70, 190]]; // suspicious … right

/** The colour of a probability in [0, 1]: red for a wrong label, over grey, to blue for a right one. */
export function trustColour(p) {
  const at = Math.max(0, Math.min(1, p)) * (SCALE.length - 1);
  const low = Math.min(SCALE.length - 2, Math.floor(at));
  const mixed = SCALE[low].map((from, i) => Math.round(from + (SCALE[low + 1][i] - from) * (at - low)));
  return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function gather(n, keyOf) {
  const rows = new Map();
  for (let i = 0; i < n; i += 1) {
    const key = keyOf(i);
    const list = rows.get(key);
    if (list) list.push(i);
    else rows.set(key, [i]);
  }
  return rows;
}

/** Classes by frequency, so the colours go to those that matter; ties and legend in the classes' own order. */
function byClass(numbers, classes) {
  const rows = gather(numbers.length, (i) => numbers[i]);
  const known = [...rows.keys()].filter((k) => k < classes.length);
  const shown = known.sort((a, b) => rows.get(b).length - rows.get(a).length || a - b).slice(0, PALETTE.length).sort((a, b) => a - b);
  const groups = shown.map((k, i) => ({ key: `class ${k}`, name: classes[k], isClass: true, colour: PALETTE[i], shape: SHAPES[i % SHAPES.length], rows: rows.get(k) }));
  const rest = [...rows.keys()].filter((k) => !shown.includes(k));
  if (!rest.length) return groups;
  const others = { key: "others", name: `${rest.length} other ${rest.length === 1 ? "class" : "classes"}`, colour: GREY, shape: "circle", rows: rest.flatMap((k) => rows.get(k)) };
  return [others, ...groups];
}

function byTrust(pClean) {
  const rows = gather(pClean.length, (i) => (Number.isNaN(pClean[i]) ? -1 : Math.min(STEPS - 1, Math.floor(pClean[i] * STEPS))));
  // The suspicious ones are drawn last, on top.
  return [...rows.keys()].sort((a, b) => b - a).map((step) => ({
    key: `step ${step}`, name: step < 0 ? "Unknown" : `${step * 10}–${step * 10 + 10} %`,
    colour: step < 0 ? GREY : trustColour((step + 0.5) / STEPS), shape: "circle", rows: rows.get(step),
  }));
}

function byOutcome(outcome, outcomes) {
  const rows = gather(outcome.length, (i) => outcome[i]);
  return [...rows.keys()].sort((a, b) => a - b).map((k) => {
    const [name, colour, shape] = OUTCOME_LOOK[outcomes[k]] ?? [String(outcomes[k] ?? k), GREY, "circle"];
    return { key: `outcome ${k}`, name, colour, shape, rows: rows.get(k) };
  });
}

/**
 * Groups of one colour, in drawing order: [{key, name, isClass, colour, shape, rows}]; every row is in
 * exactly one. by: "given" | "suggested" | "p_clean" | "outcome".
 */
export function groupsOf(values, by, { classes, outcomes }) {
  if (by === "p_clean") return byTrust(values.pClean);
  if (by === "outcome") return byOutcome(values.outcome, outcomes);
  return byClass(by === "suggested" ? values.suggested : values.given, classes);
}

/** The rows that are flagged and still undecided. */
export function flaggedRows(values, threshold) {
  const rows = [];
  for (let i = 0; i < values.n; i += 1) if (values.pClean[i] < threshold && values.outcome[i] === 0) rows.push(i);
  return rows;
}

/** Diameter of a point in pixels: what leaves a few thousand points apart, and a hundred thousand visible. */
export const sizeOf = (n) => Math.max(2.5, Math.min(9, 9 - 2.2 * Math.log10(Math.max(1, n / 400))));

// ---- where on the plane ------------------------------------------------------------------------
/** The ranges {x, y} that show all of [−1, 1]² content at one scale in a box of these pixels. */
export function fitRanges({ x, y, n }, width, height, margin = 24) {
  const reach = (values) => {
    let most = 0;
    for (let i = 0; i < n; i += 1) most = Math.max(most, Math.abs(values[i]));
    return most || 1;
  };
  const perPixel = Math.max((2 * reach(x)) / Math.max(1, width - 2 * margin), (2 * reach(y)) / Math.max(1, height - 2 * margin));
  return { x: [(-perPixel * width) / 2, (perPixel * width) / 2], y: [(-perPixel * height) / 2, (perPixel * height) / 2] };
}

/** The same view in a box of another size: same centre, same units a pixel. */
export function resized(ranges, from, to) {
  const scaled = ([low, high], before, after) => {
    const [middle, half] = [(low + high) / 2, (((high - low) / 2) * after) / Math.max(1, before)];
    return [middle - half, middle + half];
  };
  return { x: scaled(ranges.x, from.width, to.width), y: scaled(ranges.y, from.height, to.height) };
}

/** The place on the plane of a pixel of the box, and the length of a pixel there. y grows upwards. */
export function placeAt(ranges, box, px, py) {
  const [x0, x1] = ranges.x;
  const [y0, y1] = ranges.y;
  return { x: x0 + ((x1 - x0) * px) / box.width, y: y1 - ((y1 - y0) * py) / box.height, perPixel: (x1 - x0) / box.width };
}

/**
 * An index over the points; `nearest(x, y, radius, accept)` is the row of the nearest accepted point
 * within the radius (of equally near ones the first), or −1. Cells keep it fast for 100,000 points.
 */
export function createIndex({ x, y, n }) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < n; i += 1) {
    left = Math.min(left, x[i]);
    right = Math.max(right, x[i]);
    low = Math.min(low, y[i]);
    high = Math.max(high, y[i]);
  }
  const side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(n / 2))));
  const wide = (right - left) / side || 1;
  const tall = (high - low) / side || 1;
  const cell = (value, from, step) => Math.max(0, Math.min(side - 1, Math.floor((value - from) / step)));
  const starts = new Uint32Array(side * side + 1);
  const cells = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) {
    cells[i] = cell(y[i], low, tall) * side + cell(x[i], left, wide);
    starts[cells[i] + 1] += 1;
  }
  for (let c = 0; c < side * side; c += 1) starts[c + 1] += starts[c];
  const order = new Uint32Array(n);
  const next = starts.slice();
  for (let i = 0; i < n; i += 1) order[next[cells[i]]++] = i;

  return {
    nearest(px, py, radius, accept = () => true) {
      let [best, found] = [radius * radius, -1];
      for (let row = cell(py - radius, low, tall); row <= cell(py + radius, low, tall); row += 1) {
        const first = row * side + cell(px - radius, left, wide);
        const last = row * side + cell(px + radius, left, wide);
        for (let at = starts[first]; at < starts[last + 1]; at += 1) {
          const i = order[at];
          const distance = (x[i] - px) ** 2 + (y[i] - py) ** 2;
          const closer = distance < best || (distance === best && (found < 0 || i < found));
          if (closer && accept(i)) [best, found] = [distance, i];
        }
      }
      return found;
    },
  };
}
