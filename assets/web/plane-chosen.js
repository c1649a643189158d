// The points that were drawn around, on a canvas above the plane, which fades and is not drawn again: a hundred
// thousand points take seconds where no GPU draws them, the chosen ones alone a frame.

import { el } from "./dom.js";

const PLAIN = 4; // px up to which a point is too small to have a shape

function shaped(ink, shape, x, y, r) {
  ink.beginPath();
  if (shape === "circle") ink.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "diamond") [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]].forEach(([dx, dy], i) => ink[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
  else [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]].forEach(([dx, dy], i) => ink[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
  ink.fill();
}

/** A canvas over the plane in `host`; show(groups [{colour, shape, rows}], points, {ranges, box, size}) and hide(). */
export function createOverlay(host) {
  const root = el("canvas", { class: "ls-over", "aria-hidden": "true", hidden: true });
  host.after(root);
  return {
    show(groups, { x, y }, { ranges, box: { width, height }, size }) {
      const scale = window.devicePixelRatio || 1;
      [root.width, root.height] = [Math.round(width * scale), Math.round(height * scale)]; // clears it, too
      const ink = root.getContext("2d");
      ink.scale(scale, scale);
      ink.globalAlpha = 0.85;
      const [x0, y1] = [ranges.x[0], ranges.y[1]];
      const [wide, high] = [width / (ranges.x[1] - x0), height / (y1 - ranges.y[0])];
      for (const { colour, shape, rows } of groups) {
        ink.fillStyle = colour;
        for (const row of rows) {
          const [px, py] = [(x[row] - x0) * wide, (y1 - y[row]) * high];
          if (size <= PLAIN || shape === "square") ink.fillRect(px - size / 2, py - size / 2, size, size);
          else shaped(ink, shape, px, py, size / 2);
        }
      }
      root.hidden = false;
      host.classList.add("ls-faded");
    },
    hide() {
      root.hidden = true;
      host.classList.remove("ls-faded");
    },
  };
}
