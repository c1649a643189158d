// Zoom and pan of the picture. The place is three CSS properties on the stage, so the picture and the
// attention map over it move as one. Layout is read only while a hand is at it, never to show a card.

import { button, el } from "./dom.js";
import { titled } from "./keymap-caps.js";

const STEP = 1.5; // of one key press
const NUDGE = 0.15; // share of the stage that an arrow moves the picture
const MOST = 8; // times the fitted size, and at least MOST_FULL times 100 %
const MOST_FULL = 4;
const WHOLE = { scale: 1, x: 0, y: 0 };

const within = (value, least, most) => Math.min(most, Math.max(least, value));

/** The view kept so that the picture covers the stage where it is larger, and stays in the middle where not. */
export function kept(view, { width, height, boxWidth, boxHeight, most }) {
  const scale = within(view.scale, 1, most);
  const [farX, farY] = [Math.max(0, (width * scale - boxWidth) / 2), Math.max(0, (height * scale - boxHeight) / 2)];
  return { scale, x: within(view.x, -farX, farX), y: within(view.y, -farY, farY) };
}

/** Zooms to `scale` so that the point `at` (px from the middle of the stage) stays where it is. */
export function zoomedTo(view, scale, at, frame) {
  const wanted = within(scale, 1, frame.most);
  const ratio = wanted / view.scale;
  return kept({ scale: wanted, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio }, frame);
}

/** How many times the fitted size 100 % is: one image pixel on one pixel of the screen. */
export const fullScale = (naturalWidth, width, density = 1) => (width > 0 && naturalWidth ? naturalWidth / (width * density) : 1);

/** The zoom of a wheel event, as a factor. */
export function wheelFactor({ deltaY, deltaMode = 0, ctrlKey = false }) {
  const pixels = deltaY * (deltaMode === 1 ? 16 : deltaMode === 2 ? 400 : 1);
  return Math.exp(-within(pixels, -240, 240) * (ctrlKey ? 0.01 : 0.002)); // a pinch on a touchpad comes as Ctrl + wheel
}

/** `stage` carries the properties, `picture` holds the <img>. */
export function createZoom(keys, stage, picture) {
  let view = WHOLE;
  let shown = null; // {card, img} or null while there is nothing to look at
  let full = null; // the larger rendition, asked for
  const value = el("span", { class: "ls-zoom-value", role: "status" });
  const tool = (action, words, text, run) => titled(keys, action, button({ class: "ls-zoom-tool" }, run, text), words);
  const root = el("div", { class: "ls-zoom", role: "group", "aria-label": "Zoom" },
    tool("zoom_out", "Zoom out", "−", () => step("zoom_out")), value, tool("zoom_in", "Zoom in", "+", () => step("zoom_in")),
    tool("fit", "100 % and the whole image", "Fit", () => step("fit")));

  function frameOf() {
    const { img, card } = shown;
    const [width, height] = [img.offsetWidth, img.offsetHeight];
    const natural = card.width ?? img.naturalWidth;
    const hundred = fullScale(natural, width, window.devicePixelRatio);
    return { width, height, boxWidth: picture.clientWidth, boxHeight: picture.clientHeight, natural, hundred, most: Math.max(MOST, MOST_FULL * hundred) };
  }

  function write(frame) {
    const zoomed = view.scale > 1.001;
    if (!zoomed) view = WHOLE;
    stage.classList.toggle("ls-zoomed", zoomed);
    stage.style.setProperty("--zoom", view.scale);
    stage.style.setProperty("--pan-x", `${view.x}px`);
    stage.style.setProperty("--pan-y", `${view.y}px`);
    value.textContent = zoomed ? `${Math.round((100 * view.scale) / frame.hundred)} %` : "";
    if (zoomed) sharpen(frame);
  }

  /** Fetches the larger rendition once the card's own has fewer pixels than are shown. */
  function sharpen({ width }) {
    const { card, img } = shown;
    if (!card.full || full || view.scale * width * window.devicePixelRatio <= img.naturalWidth) return;
    const larger = full = el("img", { class: "ls-full", alt: "", draggable: "false" });
    larger.style.setProperty("--ratio", img.style.getPropertyValue("--ratio"));
    larger.src = card.full;
    larger.decode().then(() => { if (full === larger && img.isConnected) img.after(larger); }, () => {});
  }

  function apply(change) {
    if (!shown) return;
    const frame = frameOf();
    view = change(frame);
    write(frame);
  }

  const zoomBy = (factor, at = { x: 0, y: 0 }) => apply((frame) => zoomedTo(view, view.scale * factor, at, frame));
  const panBy = (x, y) => apply((frame) => kept({ ...view, x: view.x + x, y: view.y + y }, frame));
  const toggle = (at = { x: 0, y: 0 }) => apply((frame) => (view.scale > 1 ? WHOLE : zoomedTo(view, Math.max(2, frame.hundred), at, frame)));

  function step(type) {
    if (type === "fit") toggle();
    else zoomBy(type === "zoom_in" ? STEP : 1 / STEP);
  }

  function reset() {
    full?.remove();
    full = null;
    if (view === WHOLE) return;
    view = WHOLE;
    write({ hundred: 1 });
  }

  // ---- hands -----------------------------------------------------------------------------------
  const fingers = new Map(); // pointerId → {x, y}
  const fromMiddle = (event) => {
    const box = picture.getBoundingClientRect();
    return { x: event.clientX - box.x - box.width / 2, y: event.clientY - box.y - box.height / 2 };
  };
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { size: Math.hypot(a.x - b.x, a.y - b.y), middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } };
  };

  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(wheelFactor(event), fromMiddle(event));
  }, { passive: false });
  picture.addEventListener("dblclick", (event) => toggle(fromMiddle(event)));
  picture.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    fingers.set(event.pointerId, fromMiddle(event));
    if (view.scale > 1 || fingers.size === 2) picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const old = fingers.size === 2 ? spread() : null;
    const at = fromMiddle(event);
    fingers.set(event.pointerId, at);
    if (old) zoomBy(spread().size / Math.max(1, old.size), spread().middle);
    else if (view.scale > 1) panBy(at.x - before.x, at.y - before.y);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) picture.addEventListener(type, (event) => fingers.delete(event.pointerId));

  return {
    root,
    /** The card's decoded picture is on the stage; img null where there is none. */
    show(card, img) {
      if (shown?.card !== card || shown.img !== img) reset();
      shown = img ? { card, img } : null;
    },
    /** No card is on screen. */
    leave() {
      reset();
      shown = null;
    },
    step,
    /** Moves the picture as an arrow says: x and y are −1, 0 or 1. */
    pan(x, y) {
      panBy(-x * NUDGE * picture.clientWidth, -y * NUDGE * picture.clientHeight);
    },
    get isZoomed() { return view.scale > 1; },
  };
}
