// The lasso over the map: what is drawn while the button is down, and what can be done with the points in it.

import { button, el, plural } from "./dom.js";
import { boxCorners, extended } from "./lasso.js";

const SMALLEST = 6; // px of movement below which a press was no drawing
const NAMES = { lasso: "Lasso", box: "Box" };

/**
 * A sheet of glass over the plane. It takes the pointer while `mode` is "lasso" or "box" and hands the corners that were
 * drawn, in pixels of the stage, to `onDrawn(corners)`; until `signal` aborts.
 */
export function createGlass({ onDrawn, signal }) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  root.setAttribute("class", "ls-glass");
  root.setAttribute("aria-hidden", "true");
  root.append(line);
  let mode = "pan";
  let start = null;
  let corners = [];

  const at = (event) => {
    const { left, top } = root.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const draw = () => line.setAttribute("points", corners.map((corner) => corner.map(Math.round).join(",")).join(" "));
  const stop = () => {
    start = null;
    corners = [];
    draw();
  };

  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    root.setPointerCapture(event.pointerId);
    start = at(event);
    corners = [start];
  }, { signal });
  root.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    corners = mode === "box" ? boxCorners(start, [x, y]) : extended(corners, x, y);
    draw();
  }, { signal });
  root.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    const [drawn, moved] = [corners, Math.hypot(x - start[0], y - start[1])];
    const long = drawn.some((corner) => Math.hypot(corner[0] - start[0], corner[1] - start[1]) > SMALLEST);
    stop();
    if (moved > SMALLEST || long) onDrawn(drawn);
  }, { signal });
  root.addEventListener("pointercancel", stop, { signal });

  return {
    root,
    set(next) {
      mode = next;
      root.classList.toggle("ls-active", mode in NAMES);
      stop();
    },
    get mode() { return mode; },
  };
}

/** What can be done with the chosen points: onReview(), onSheet() and onClear(). */
export function createChosenBar({ onReview, onSheet, onClear }) {
  const words = el("span", { role: "status" });
  const root = el("div", { class: "ls-chosen", hidden: true }, words,
    button({ class: "ls-button ls-primary" }, onReview, "Review them"),
    button({ class: "ls-button" }, onSheet, "Open as a sheet"),
    button({ class: "ls-button" }, onClear, "Let go"));
  return {
    root,
    /** n: chosen points; null: nothing was drawn. */
    show(n) {
      root.hidden = n === null;
      words.textContent = n === null ? "" : n ? plural(n, "image") : "No image lies in it";
      for (const each of root.querySelectorAll(".ls-button:not(:last-child)")) each.hidden = !n;
    },
  };
}

/** The name that a selection is kept under. */
export const selectionName = (mode, n) => `${NAMES[mode] ?? "Choice"} of ${plural(n, "image")}`;
