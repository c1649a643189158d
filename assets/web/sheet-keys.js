// The keys of a contact sheet: those of the card, and a few for choosing and turning pages. Pure: an event-like
// object goes in, an action or null comes out.

import { actionOf } from "./keys.js";

const OF_THE_CARD = new Set(["keep", "suggestion", "digit", "search", "ambiguous", "out_of_scope", "bad_image", "skip", "undo", "redo"]);
const LETTERS = { x: "toggle", e: "swap", i: "invert", r: "reload" };
const NAMED = { PageUp: "previous", PageDown: "next", "[": "previous", "]": "next" };

/** Keycaps of the sheet's own actions. */
export const SHEET_CAPS = { toggle: "X", swap: "E", invert: "I", reload: "R", previous: "[", next: "]", all: "Ctrl A" };

function letterOf({ key = "", code = "" }) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const foreign = key.length === 1 && key.charCodeAt(0) > 127; // Cyrillic, Greek …: the place of the key
  return foreign ? /^Key([A-Z])$/.exec(code)?.[1].toLowerCase() ?? "" : "";
}

/** The action of a key press, `{type, index?}`, or null; `map`: the keys of the card (keymap.js), the standard ones by default. */
export function sheetActionOf(event, map) {
  if (event.isComposing) return null;
  const bracket = event.key === "[" || event.key === "]"; // behind AltGr on many layouts, which reads as Ctrl + Alt
  if (NAMED[event.key] && !event.metaKey && !event.shiftKey && (bracket || !(event.ctrlKey || event.altKey))) return { type: NAMED[event.key] };
  if (event.repeat) return null;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && letterOf(event) === "a") return { type: "all" };
  const action = actionOf(event, map); // a key that the person gave to an action of the card is no longer the sheet's
  if (action) return OF_THE_CARD.has(action.type) ? action : null;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return null;
  const type = LETTERS[letterOf(event)];
  return type ? { type } : null;
}
