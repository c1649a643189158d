// Choosing points of the map by a drawn line or a box: geometry only, no DOM.

const LEAST_STEP = 3; // px between two corners of the line; more of them say nothing
const MOST_CORNERS = 400;

/** Corners [x, y] … with each new point kept only where it is a step away from the last one. */
export function extended(corners, x, y) {
  const last = corners.at(-1);
  if (last && Math.hypot(x - last[0], y - last[1]) < LEAST_STEP) return corners;
  return corners.length < MOST_CORNERS ? [...corners, [x, y]] : [...corners.filter((_, i) => i % 2 === 0), [x, y]];
}

/** The four corners of a box between two points. */
export const boxCorners = ([x0, y0], [x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

/**
 * Rows of points {n, x, y} that lie inside a closed line of corners [x, y] in the same coordinates, in order.
 * A line that crosses itself holds what an odd number of its turns goes around. `accepts(row)` may leave some out.
 */
export function rowsInside({ n, x, y }, corners, accepts = () => true) {
  if (corners.length < 3) return [];
  const xs = corners.map((corner) => corner[0]);
  const ys = corners.map((corner) => corner[1]);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const rows = [];
  for (let i = 0; i < n; i += 1) {
    const [px, py] = [x[i], y[i]];
    if (px < left || px > right || py < low || py > high || !accepts(i)) continue;
    let inside = false;
    for (let a = 0, b = xs.length - 1; a < xs.length; b = a, a += 1) {
      if ((ys[a] > py) !== (ys[b] > py) && px < ((xs[b] - xs[a]) * (py - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
    }
    if (inside) rows.push(i);
  }
  return rows;
}

/** Of groups [{rows, …}] the rows that are chosen, without groups that have none; `chosen`: a Set of rows. */
export function chosenOf(groups, chosen) {
  return groups.map((group) => ({ ...group, rows: group.rows.filter((row) => chosen.has(row)) })).filter(({ rows }) => rows.length);
}
