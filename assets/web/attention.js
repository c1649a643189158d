// Attention on the card (V): where the model sees the given and the suggested class, as an overlay on
// exactly the part of the picture that the model saw. It keeps to itself: nothing is fetched or drawn
// while it is off, one request is under way at a time, and a new card never waits for a map.

import { el, icon, isolate } from "./dom.js";
import { cropOf, decodeMap, gradientOf, nextMode, paint } from "./heat.js";
import { keyButton, liveCap } from "./keymap-caps.js";

const SIDE = 192; // pixels of a drawn map; the browser scales it to the picture
const AHEAD = 4; // next cards whose maps are fetched in advance
const REST = 100; // ms without a new card before anything is fetched: a fast hand needs no maps
const AGAIN = 400; // ms until the model is asked again whether it has finished
const KEPT = 64;

const keyOf = (card) => JSON.stringify([card.image, card.run, card.given.name, card.suggested?.name]);
const isSame = (card) => !card.suggested || card.suggested.name === card.given.name;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What an overlay shows, as [text, is it a name?] pairs: words before the scale, words after it. */
export function legendOf(mode, card) {
  const given = card.given.name;
  if (isSame(card)) {
    if (mode === "difference") return [[["Given and suggested are the same class: there is no difference", false]], []];
    return [[["Where the model sees", false], [given, true], [card.suggested ? "(given and suggested)" : "(given)", false]], []];
  }
  const suggested = card.suggested.name;
  if (mode === "difference") return [[["More for", false], [suggested, true], ["(suggested)", false]], [["for", false], [given, true], ["(given)", false]]];
  return [[["Where the model sees", false], [mode === "given" ? given : suggested, true], [`(${mode})`, false]], []];
}

const spokenOf = ([before, after]) => [...before, ...after].map(([text, isName]) => (isName ? isolate(text) : text)).join(" ");

/** `get(path)` → JSON; `near()` → the cards from the one on screen on; `say(words)` for screen readers. */
export function createAttention({ get, near, say, keys, signal }) {
  const frame = el("div", { class: "ls-heat-frame" });
  const words = el("span", { class: "ls-heat-words" });
  const chip = el("div", { class: "ls-heat-chip" }, words);
  const root = el("div", { class: "ls-heat", hidden: true }, el("div", { class: "ls-heat-stage" }, frame), chip);
  const press = keyButton(keys, "attention", { class: "ls-quiet ls-heat-button", "aria-pressed": "false",
    title: "Where the model sees the given class, the suggested class, their difference" }, () => cycle(), icon("eye"), el("span", {}, "Attention"), liveCap(keys, "attention"));
  const held = new Map(); // keyOf(card) → {maps, crop, drawn: {mode: canvas}} or {message}
  let mode = null;
  let shown = null; // {card, img} on the stage; img null while it loads
  let restUntil = 0;
  let working = false;

  // ---- drawing ---------------------------------------------------------------------------------
  function draw(item, which) {
    if (item.drawn[which]) return item.drawn[which];
    const canvas = el("canvas", { width: SIDE, height: SIDE, class: "ls-heat-map", "aria-hidden": "true", "data-mode": which });
    canvas.getContext("2d").putImageData(new ImageData(paint(which, item.maps, SIDE), SIDE, SIDE), 0, 0);
    for (const [side, share] of Object.entries(item.crop)) canvas.style[side] = `${100 * share}%`;
    item.drawn[which] = canvas;
    return canvas;
  }

  const modeOn = (card) => (isSame(card) && mode === "suggested" ? "given" : mode);

  function place(item) {
    const which = modeOn(shown.card);
    if (which === "difference" && isSame(shown.card)) return frame.replaceChildren();
    if (item.drawn[which]) return frame.replaceChildren(item.drawn[which]);
    frame.replaceChildren();
    const { card } = shown;
    requestAnimationFrame(() => setTimeout(() => { // after the card itself has been painted
      if (shown?.card !== card || mode === null || modeOn(card) !== which || signal.aborted) return;
      frame.replaceChildren(draw(item, which));
    }));
    return undefined;
  }

  const texts = (parts) => parts.map(([text, isName]) => el(isName ? "bdi" : "span", isName ? { class: "ls-name", title: text } : {}, text));

  function label(item) {
    chip.classList.toggle("ls-busy", !item);
    if (!item?.maps) return words.replaceChildren(el("span", {}, item?.message ?? shown.pending ?? "Looking"));
    const [before, after] = legendOf(mode, shown.card);
    const scaled = !(mode === "difference" && isSame(shown.card));
    const scale = scaled && el("span", { class: "ls-heat-scale", "aria-hidden": "true", style: `--ramp: ${gradientOf(mode)}` });
    return words.replaceChildren(...texts(before), ...(scale ? [scale] : []), ...texts(after));
  }

  function update() {
    root.hidden = mode === null || shown === null;
    if (root.hidden) return frame.replaceChildren();
    const item = held.get(keyOf(shown.card));
    label(item);
    if (!item?.maps || !shown.img) return frame.replaceChildren();
    frame.style.setProperty("--ratio", shown.img.naturalWidth / Math.max(1, shown.img.naturalHeight));
    return place(item);
  }

  // ---- fetching --------------------------------------------------------------------------------
  const wanted = () => shown && [shown.card, ...near().slice(0, 1 + AHEAD)].find((card) => !card.blind && !held.has(keyOf(card)));

  function keep(card, item) {
    held.set(keyOf(card), item);
    for (const key of held.keys()) if (held.size > KEPT) held.delete(key);
    if (item.maps && !(isSame(card) && mode === "difference")) draw(item, isSame(card) ? "given" : mode ?? "given");
  }

  async function load(card) {
    const asked = card.suggested ? `?suggested=${encodeURIComponent(card.suggested.name)}` : "";
    const reply = await get(`/api/attention/${card.position}${asked}`);
    if (reply.unavailable) return keep(card, { message: reply.unavailable });
    if (!reply.given) {
      if (shown) shown.pending = reply.pending;
      if (shown?.card === card) update();
      return pause(AGAIN);
    }
    const [width, height] = card.width && card.height ? [card.width, card.height] : [1, 1];
    const maps = { grid: reply.grid, given: decodeMap(reply.given.map), suggested: decodeMap(reply.suggested.map) };
    return keep(card, { maps, crop: cropOf(width, height, reply.size), drawn: {} });
  }

  async function work() {
    if (working) return;
    working = true;
    while (mode !== null && !signal.aborted) {
      const rest = restUntil - performance.now();
      if (rest > 0) await pause(rest);
      if (restUntil > performance.now()) continue; // another card came meanwhile
      const card = wanted();
      if (!card || mode === null || signal.aborted) break;
      try {
        await load(card);
      } catch (error) {
        if (!signal.aborted) keep(card, { message: error.status ? error.message : "The reviewer does not answer; the maps come when it is back." });
      }
      if (shown && keyOf(shown.card) === keyOf(card)) update();
    }
    working = false;
  }

  /** What could not be had is asked for once more when the annotator moves on or presses V. */
  function forgetMessages() {
    for (const [key, item] of held) if (item.message) held.delete(key);
  }

  function cycle() {
    if (!shown) return;
    mode = nextMode(mode, isSame(shown.card));
    press.setAttribute("aria-pressed", String(mode !== null));
    forgetMessages();
    restUntil = 0;
    update();
    say(mode === null ? "Attention is off" : spokenOf(legendOf(mode, shown.card)));
    work();
  }

  return {
    root,
    button: press,
    cycle,
    /** A card is on screen; `img` is its decoded picture, null while it loads or where it cannot be shown. */
    show(card, img) {
      press.disabled = Boolean(card.blind);
      if (card.blind) return this.leave(); // a map would say which classes the model thinks of
      const moved = shown?.card !== card;
      shown = { card, img, pending: moved ? null : shown.pending };
      if (mode === null) return undefined;
      if (moved) {
        forgetMessages();
        restUntil = performance.now() + REST;
      }
      update();
      work();
    },
    /** No card is on screen. */
    leave() {
      shown = null;
      update();
    },
  };
}
