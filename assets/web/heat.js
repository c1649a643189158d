// Heat maps, as pure arithmetic: from the bytes of a map to the pixels of an overlay, and where on the
// picture that overlay belongs. No DOM.

export const MODES = ["given", "suggested", "difference"];

/** What V does next: given → suggested → difference → off (null); two equal classes have only one map. */
export function nextMode(mode, same) {
  if (mode === null) return MODES[0];
  return (same ? null : MODES[MODES.indexOf(mode) + 1]) ?? null;
}

/** The values of a map, G·G numbers in [0, 1], from base64 of as many bytes. */
export function decodeMap(text) {
  const bytes = atob(text);
  return Float32Array.from({ length: bytes.length }, (_, i) => bytes.charCodeAt(i) / 255);
}

// Python's round(): half to even.
function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The part of a picture that the model saw, as shares of its width and height: {left, top, width, height}.
 * As `engine.pixels.square` cuts it: short side resized to `size`, centre cut out; without `size`, the
 * square in the middle, which differs from it by less than one pixel of the model's.
 */
export function cropOf(width, height, size = null) {
  const short = Math.min(width, height);
  const range = (length) => {
    if (!size) return [(length - short) / 2, short];
    const resized = Math.floor((size * length) / short);
    const scale = length / resized;
    const start = roundHalfEven((resized - size) / 2) * scale;
    return [start, Math.min(start + size * scale, length) - start];
  };
  const [left, across] = range(width);
  const [top, down] = range(height);
  return { left: left / width, top: top / height, width: across / width, height: down / height };
}

// Catmull-Rom: goes through every value at the middle of its cell, smooth in between.
function weights(t) {
  const [t2, t3] = [t * t, t * t * t];
  return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
}

function taps(grid, side) {
  return Array.from({ length: side }, (_, i) => {
    const at = ((i + 0.5) * grid) / side - 0.5;
    const first = Math.floor(at);
    const cells = [-1, 0, 1, 2].map((step) => Math.min(grid - 1, Math.max(0, first + step)));
    return { cells, weight: weights(at - first) };
  });
}

/** A G·G map as side·side values, smooth; overshoots are cut to the range of the map itself. */
export function upsample(values, grid, side) {
  const places = taps(grid, side);
  const rows = new Float32Array(grid * side); // every row of the map, widened
  for (let y = 0; y < grid; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const { cells, weight } = places[x];
      let sum = 0;
      for (let k = 0; k < 4; k += 1) sum += weight[k] * values[y * grid + cells[k]];
      rows[y * side + x] = sum;
    }
  }
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const wide = new Float32Array(side * side);
  for (let y = 0; y < side; y += 1) {
    const { cells, weight } = places[y];
    for (let x = 0; x < side; x += 1) {
      let sum = 0;
      for (let k = 0; k < 4; k += 1) sum += weight[k] * rows[cells[k] * side + x];
      wide[y * side + x] = Math.min(high, Math.max(low, sum));
    }
  }
  return wide;
}

// ---- colours -----------------------------------------------------------------------------------
// Ramps are laid out in OKLCH (Ottosson 2020), where equal steps look equal. Lightness alone orders the
// values, so they read the same for every kind of colour vision, and in grey.

const gamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

/** OKLCH (lightness 0–1, chroma, hue in degrees) to sRGB bytes; what no screen shows is cut off. */
export function oklch(lightness, chroma, hue) {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((c) => Math.round(255 * Math.min(1, Math.max(0, gamma(Math.max(0, c))))));
}

const mix = (a, b, t) => a + (b - a) * t;

/** Evidence in [0, 1] as [r, g, b, alpha 0–1]: dark violet through orange to light yellow. */
export function heatColour(value) {
  const t = Math.min(1, Math.max(0, value));
  const chroma = 0.05 + 0.15 * Math.sin(Math.PI * Math.min(1, 0.12 + 0.82 * t));
  return [...oklch(mix(0.2, 0.93, t), chroma, mix(-70, 100, t)), mix(0.36, 0.62, t)];
}

/** A difference in [−1, 1] as [r, g, b, alpha 0–1]: teal for the suggested class, amber for the given. */
export function differenceColour(value) {
  const t = Math.min(1, Math.abs(value));
  const [r, g, b] = value >= 0 ? oklch(mix(0.62, 0.78, t), 0.17, 62) : oklch(mix(0.62, 0.78, t), 0.13, 195);
  return [r, g, b, 0.85 * t];
}

export const colourOf = (mode) => (mode === "difference" ? differenceColour : heatColour);

/** The overlay as RGBA bytes, side·side: `maps` = {grid, given, suggested}, decoded. */
export function paint(mode, { grid, given, suggested }, side) {
  const values = mode === "difference" ? given.map((value, i) => value - suggested[i]) : mode === "given" ? given : suggested;
  const colour = colourOf(mode);
  const low = mode === "difference" ? -1 : 0;
  const table = Array.from({ length: 257 }, (_, i) => colour(low + ((1 - low) * i) / 256)); // 257: 0 is one of them
  const bytes = new Uint8ClampedArray(4 * side * side);
  upsample(values, grid, side).forEach((value, i) => {
    const [r, g, b, alpha] = table[Math.round((256 * (value - low)) / (1 - low))];
    bytes.set([r, g, b, Math.round(255 * alpha)], 4 * i);
  });
  return bytes;
}

/**
 * The colours of a mode as stops of a CSS gradient, from its least to its greatest value; a difference fades
 * to nothing in the middle, as on the picture. */
export function gradientOf(mode, stops = 9) {
  const low = mode === "difference" ? -1 : 0;
  const colour = colourOf(mode);
  return Array.from({ length: stops }, (_, i) => {
    const [r, g, b, alpha] = colour(low + ((1 - low) * i) / (stops - 1));
    return low < 0 ? `rgb(${r} ${g} ${b} / ${alpha.toFixed(3)})` : `rgb(${r} ${g} ${b})`;
  }).join(", ");
}
