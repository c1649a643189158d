// The tiles of one page: a fixed set of elements that are filled anew, a roving tab stop, and choosing by click,
// Shift+click, a rectangle, or keys. It knows positions; what they mean is told to it.

import { el, icon, isolate, percent } from "./dom.js";
import { step } from "./sheet-marks.js";
import { sign } from "./sheet-words.js";

const DRAG = 6; // px until a press is a rectangle

function createTile() {
  const img = el("img", { alt: "", draggable: "false" });
  const badge = el("span", { class: "ls-tile-mark" });
  const caption = el("bdi", { class: "ls-tile-words" });
  const root = el("div", { class: "ls-tile", role: "option", tabindex: "-1" }, el("span", { class: "ls-tile-picture" }, img, badge), caption);
  img.addEventListener("error", () => root.classList.add("ls-broken"));
  img.addEventListener("load", () => root.classList.remove("ls-broken"));
  return { root, img, badge, caption, position: -1, address: null, signed: null };
}

/** What a tile is called for those who do not see it. */
export function tileLabel({ tile, marked, decision }, mode) {
  if (!tile) return "Loading";
  const labels = tile.suggested && tile.suggested !== tile.given ? `${isolate(tile.given)}, suggested ${isolate(tile.suggested)}` : isolate(tile.given);
  const said = decision ? sign(decision)[1] : "";
  return [labels, tile.p_clean === null ? "" : `p_clean ${percent(tile.p_clean)}`, said, marked ? (mode === "chosen" ? "chosen" : "exception") : "", isolate(tile.path)]
    .filter(Boolean).join(", ");
}

function fill(slot, entry, { mode, uniform, index, total }) {
  const { position, tile, marked, decision, here } = entry;
  const { root, img } = slot;
  slot.position = position;
  if (slot.address !== (tile?.image ?? null)) {
    slot.address = tile?.image ?? null;
    img.removeAttribute("src"); // never the picture of another sample, not for a moment
    root.classList.remove("ls-broken");
    if (tile) img.src = tile.image;
  }
  const names = tile && (tile.suggested && tile.suggested !== tile.given ? `${tile.given} → ${tile.suggested}` : tile.given);
  const mark = marked && !here ? (mode === "chosen" ? "chosen" : "exception") : null;
  const [shape, said] = mark ? [mark === "chosen" ? "check" : "close", mark] : decision ? sign(decision) : [null, ""];
  const words = said || (!tile ? "" : uniform && tile.p_clean !== null ? percent(tile.p_clean) : names);
  if (slot.caption.textContent !== words) slot.caption.textContent = words;
  if (slot.signed !== shape) {
    slot.signed = shape;
    slot.badge.replaceChildren(...(shape ? [icon(shape)] : []));
  }
  root.className = ["ls-tile", root.classList.contains("ls-broken") && "ls-broken", decision && !mark && "ls-said", here && "ls-done", mark && `ls-${mark}`].filter(Boolean).join(" ");
  root.setAttribute("aria-selected", String(marked));
  root.setAttribute("aria-label", tileLabel(entry, mode));
  root.setAttribute("aria-posinset", String(index));
  root.setAttribute("aria-setsize", String(total));
}

/** hands: {toggle(position), range(position), mark(positions, on), peek(position or null), open(position)} */
export function createTiles(hands) {
  const slots = [];
  const band = el("div", { class: "ls-band", hidden: true });
  const root = el("div", { class: "ls-tiles", role: "listbox", "aria-multiselectable": "true", "aria-label": "Samples of this sheet" });
  const ground = el("div", { class: "ls-ground" }, root, band);
  let entries = [];
  let columns = 1;
  let current = 0; // the tile with the tab stop
  let drag = null;
  let dragged = false; // the click that ends a rectangle chooses nothing

  const indexOf = (node) => slots.findIndex((slot) => slot.root === node?.closest?.(".ls-tile"));
  const positionAt = (i) => (i >= 0 && i < entries.length ? entries[i].position : null);

  function rove(i) {
    current = Math.max(0, Math.min(i, entries.length - 1));
    slots.forEach((slot, k) => { slot.root.tabIndex = k === current ? 0 : -1; });
  }

  root.addEventListener("focusin", (event) => {
    const i = indexOf(event.target);
    if (i >= 0) rove(i);
    hands.peek(positionAt(i));
  });
  root.addEventListener("pointerover", (event) => {
    const i = indexOf(event.target);
    if (i >= 0) hands.peek(positionAt(i));
  });
  root.addEventListener("pointerleave", () => hands.peek(root.contains(document.activeElement) ? positionAt(current) : null));
  root.addEventListener("click", (event) => {
    const position = positionAt(indexOf(event.target));
    if (dragged || position === null) return;
    if (event.shiftKey) hands.range(position);
    else hands.toggle(position);
  });
  root.addEventListener("dblclick", (event) => {
    const position = positionAt(indexOf(event.target));
    if (position !== null) hands.open(position);
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || indexOf(event.target) < 0) return;
    const to = step(event.key, current, entries.length, columns);
    if (to !== null) {
      if (event.shiftKey) {
        if (current !== to) hands.range(positionAt(to), positionAt(current));
      }
      rove(to);
      slots[to].root.focus({ preventScroll: true });
    } else if (event.key === "Enter" && !event.repeat) hands.open(positionAt(current));
    else if (event.key === " " && !event.repeat) hands.toggle(positionAt(current));
    else if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
  });

  // ---- a rectangle over tiles --------------------------------------------------------------------
  const span = (a, b) => [Math.min(a, b), Math.max(a, b)];

  function hitBy({ x, y }, event) {
    const [[left, right], [top, bottom]] = [span(x, event.clientX), span(y, event.clientY)];
    return drag.boxes.filter(({ box }) => box.left < right && box.right > left && box.top < bottom && box.bottom > top).map(({ position }) => position);
  }

  ground.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.button !== 0 || !entries.length) return;
    drag = { x: event.clientX, y: event.clientY, id: event.pointerId, boxes: null };
  });
  ground.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    if (!drag.boxes) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG) return;
      drag.boxes = entries.map(({ position }, i) => ({ position, box: slots[i].root.getBoundingClientRect() }));
      drag.ground = ground.getBoundingClientRect();
      dragged = true;
      ground.setPointerCapture(drag.id);
      band.hidden = false;
    }
    const [[left, right], [top, bottom]] = [span(drag.x, event.clientX), span(drag.y, event.clientY)];
    Object.assign(band.style, { left: `${left - drag.ground.left}px`, top: `${top - drag.ground.top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    const hit = new Set(hitBy(drag, event));
    slots.forEach((slot) => slot.root.classList.toggle("ls-under", hit.has(slot.position)));
  });
  const end = (event, counts) => {
    if (!drag || event.pointerId !== drag.id) return;
    const hit = drag.boxes && counts ? hitBy(drag, event) : [];
    drag = null;
    band.hidden = true;
    slots.forEach((slot) => slot.root.classList.remove("ls-under"));
    // The same rectangle once more takes its marks back.
    if (hit.length) hands.mark(hit, !hit.every((position) => entries.find((entry) => entry.position === position)?.marked));
  };
  ground.addEventListener("pointerup", (event) => end(event, true));
  ground.addEventListener("pointercancel", (event) => end(event, false));

  return {
    root: ground,
    /** The position of the tile with the tab stop, or null. */
    current: () => positionAt(current),
    focus(i = current) {
      rove(i);
      slots[current]?.root.focus({ preventScroll: true });
    },
    hasFocus: () => root.contains(document.activeElement),
    /** entries: [{position, tile (or null while it loads), marked, decision, here (decided in this sheet)}]; grid: {columns, rows}; first: place of the first, from 1. */
    show(next, { grid, mode, uniform, first, total }) {
      entries = next;
      columns = grid.columns;
      root.style.setProperty("--columns", columns);
      root.style.setProperty("--rows", grid.rows);
      while (slots.length < entries.length) {
        const slot = createTile();
        slots.push(slot);
      }
      if (root.childElementCount !== entries.length) root.replaceChildren(...slots.slice(0, entries.length).map((slot) => slot.root));
      entries.forEach((entry, i) => fill(slots[i], entry, { mode, uniform, index: first + i, total }));
      rove(current);
    },
  };
}
