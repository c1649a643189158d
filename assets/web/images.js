// Decoded pixels at hand: the <img> elements of the cards around the one on screen are loaded and
// decoded before they are needed, and the very element is put on the card. Neighbours come later,
// few at a time and only once the annotator rests: in a burst they would starve the next cards.

import { tilesOf } from "./card-near.js";
import { PREFETCH } from "./trail.js";

const PATIENCE = 15000; // ms until an image counts as not loadable
const REST = 130; // ms without a new card until neighbours are loaded
const THUMBS_AHEAD = 3; // cards whose neighbours are loaded in advance
const AT_ONCE = 3; // neighbours under way at the same time

/** `create()` makes an <img>; one is given by tests, the browser's by default. */
export function createImages({ create = () => new Image() } = {}) {
  const held = new Map(); // position → {url, img, ready, failed, promise, thumbs}
  let thumbCount = 8;
  let wanted = []; // [img, url] of neighbours that wait for their turn
  let underWay = 0;
  let resting = null;

  function load(card) {
    const known = held.get(card.position);
    if (known && known.url === card.image) return known;
    const img = create();
    const item = { url: card.image, img, ready: false, failed: false, asked: null, thumbs: null };
    img.alt = `Image under review: ${card.path ?? card.sample_id}`;
    img.draggable = false;
    img.fetchPriority = "high";
    img.src = card.image;
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error("late")), PATIENCE));
    item.promise = Promise.race([img.decode(), late]).then(
      () => { item.ready = true; },
      () => { item.ready = item.failed = true; },
    ).then(() => item);
    held.set(card.position, item);
    return item;
  }

  /** The neighbours' elements, each in place; those not loaded yet fill in when it is their turn. */
  function thumbs(card) {
    const item = load(card);
    const tiles = tilesOf(card, thumbCount);
    const asked = tiles.map(({ neighbour }) => neighbour.image).join();
    if (item.asked === asked) return item.thumbs; // a card that comes back may have others: labels have changed
    item.asked = asked;
    item.thumbs = tiles.map(() => {
      const img = create();
      img.alt = "";
      img.draggable = false;
      img.fetchPriority = "low";
      return img;
    });
    return item.thumbs;
  }

  function loadWanted() {
    while (underWay < AT_ONCE && wanted.length) {
      const [img, url] = wanted.shift();
      if (img.src) continue;
      underWay += 1;
      img.onload = img.onerror = () => {
        underWay -= 1;
        loadWanted();
      };
      img.src = url;
    }
  }

  return {
    load,
    thumbs,
    /** How many neighbours fit; only these are loaded. */
    setThumbCount(count) {
      if (count === thumbCount) return;
      thumbCount = count;
      for (const item of held.values()) item.asked = null;
    },
    /** Lets go what could not be loaded, so that it is asked for once more. */
    forgetFailed() {
      for (const [position, item] of held) if (item.failed) held.delete(position);
    },
    /** Loads what is near (the order is the priority) and lets the rest go. */
    keep(cards) {
      const near = new Set(cards.map((card) => card.position));
      for (const position of held.keys()) if (!near.has(position)) held.delete(position);
      const ahead = cards.slice(0, PREFETCH + 1);
      const loading = ahead.map((card) => load(card).promise);
      wanted = [];
      clearTimeout(resting);
      resting = setTimeout(async () => {
        const mine = resting;
        await Promise.all(loading.slice(0, 2));
        if (mine !== resting) return;
        wanted = ahead.slice(0, 1 + THUMBS_AHEAD).flatMap((card) => {
          const tiles = tilesOf(card, thumbCount);
          return thumbs(card).map((img, i) => [img, tiles[i].neighbour.image]);
        });
        loadWanted();
      }, REST);
    },
  };
}
