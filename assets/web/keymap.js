// Which key does what, and how a person changes it. Pure: the storage is given, no DOM.
//
// A key is written as it is typed: "a", "/", "ArrowLeft"; a letter with Shift is "Shift+a". Digits (the ten
// likeliest), Backspace (undo), Shift with an arrow (pan) and "?" (the keys) are fixed.

export const STANDARD = Object.freeze({
  keep: "a", suggestion: "w", search: "/", ambiguous: "m", out_of_scope: "o", bad_image: "b", skip: "s", note: "n",
  undo: "z", redo: "Shift+z", back: "ArrowLeft", forward: "ArrowRight", attention: "v", fit: "f", zoom_in: "+", zoom_out: "-",
});

/** What each action does, in words. */
export const WORDS = Object.freeze({
  keep: "Keep the given label",
  suggestion: "Take the suggestion",
  search: "Find any class by typing",
  ambiguous: "Ambiguous: choose two or more classes, Enter",
  out_of_scope: "Out of scope: none of the classes",
  bad_image: "Bad image: cannot be judged",
  skip: "Skip for now",
  note: "Note: goes with the decision; Enter or Esc leaves the field",
  undo: "Undo the last decision and return to it",
  redo: "Redo",
  back: "Back, without deciding",
  forward: "Forward, without deciding",
  attention: "Attention: where the model sees the given class, the suggested one, the difference; off",
  fit: "100 %: one pixel of the image on one of the screen; again: the whole image",
  zoom_in: "Zoom in",
  zoom_out: "Zoom out",
});

const STORED = "labelsieve:keys";
const SIGNS = { "-": "−" };
const PLACES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Delete: "Del", Insert: "Ins", Home: "Home", End: "End", PageUp: "PgUp", PageDown: "PgDn" };
const REFUSED = { " ": "Space", Enter: "Enter", Escape: "Esc", Tab: "Tab" };
const HELD = /^(Shift|Control|Alt|AltGraph|Meta|CapsLock|NumLock|Fn|Dead|Process|Unidentified|Compose)$/;

/** What a cap shows for a key: "A", "⇧Z", "←". */
export function capOf(key) {
  if (PLACES[key] ?? SIGNS[key]) return PLACES[key] ?? SIGNS[key];
  return key.startsWith("Shift+") ? `⇧${key.slice(6).toUpperCase()}` : key.toUpperCase();
}

function letterOf({ key = "", code = "" }) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const placed = /^Key([A-Z])$/.exec(code);
  const foreign = key.length === 1 && key.charCodeAt(0) > 127; // Cyrillic, Greek, Hebrew …
  return placed && foreign ? placed[1].toLowerCase() : "";
}

/**
 * The key of an event-like object, as the map writes it; "" where it has no name there. Letters follow the
 * letter that the layout types; a layout that types no Latin letter falls back to the place of the key.
 */
export function keyOf(event) {
  const { key = "", shiftKey = false } = event;
  const letter = letterOf(event);
  if (letter) return shiftKey ? `Shift+${letter}` : letter;
  if (PLACES[key]) return shiftKey ? "" : key;
  return [...key].length === 1 && key.trim() ? key.toLowerCase() : "";
}

const isKey = (key) => typeof key === "string" && (/^(Shift\+)?[a-z]$/.test(key) || Object.hasOwn(PLACES, key)
  || ([...key].length === 1 && key.trim() !== "" && !/[0-9?]/.test(key) && key === key.toLowerCase()));

/** Why a pressed key cannot be chosen, as a sentence; null where it can; "" for a key that is only held. */
export function refusalOf(event) {
  const { key = "", code = "" } = event;
  if (HELD.test(key) || event.repeat || event.isComposing) return "";
  if (event.ctrlKey || event.metaKey || event.altKey) return "Ctrl, Alt and Cmd belong to the browser; press a key without them.";
  if (Object.hasOwn(REFUSED, key)) return `${REFUSED[key]} cannot be chosen: it would press the button that has the focus, or leave a field.`;
  if (key === "?") return "? always shows these keys; press another key.";
  if (key === "Backspace") return "Backspace always undoes; press another key.";
  if (/^[0-9]$/.test(key) || /^Digit/.test(code)) return "The digits belong to the ten likeliest classes; press another key.";
  if (event.shiftKey && PLACES[key]) return "Shift with an arrow moves the zoomed image; press another key.";
  return isKey(keyOf(event)) ? null : `${key || "This key"} cannot be chosen; press a letter, a sign or an arrow.`;
}

/** The map in a stored text; whatever is not a whole map without doubles is the standard one. */
export function readMap(text) {
  let stored = null;
  try { stored = JSON.parse(text ?? "null"); } catch { /* broken content counts as none */ }
  if (stored === null || typeof stored !== "object" || Array.isArray(stored)) return { ...STANDARD };
  const map = { ...STANDARD };
  for (const action of Object.keys(STANDARD)) if (Object.hasOwn(stored, action) && isKey(stored[action])) map[action] = stored[action];
  return new Set(Object.values(map)).size === Object.keys(map).length ? map : { ...STANDARD };
}

/** The keys of this browser. `storage` is localStorage-like or null. */
export function createKeymap({ storage = null } = {}) {
  const read = () => {
    try { return readMap(storage?.getItem(STORED)); } catch { return { ...STANDARD }; }
  };
  let map = read();
  const listeners = new Set();

  function take(next, store) {
    map = next;
    try { store?.(); } catch { /* a full or forbidden storage: the keys hold until the page is closed */ }
    for (const listener of listeners) listener();
  }

  const save = () => storage?.setItem(STORED, JSON.stringify(map));
  const takenBy = (key) => Object.keys(map).find((action) => map[action] === key) ?? null;

  return {
    get map() { return map; },
    key: (action) => map[action],
    cap: (action) => (map[action] ? capOf(map[action]) : ""),
    takenBy,
    get isStandard() { return Object.keys(STANDARD).every((action) => map[action] === STANDARD[action]); },
    /** Gives `key` to an action; an action that had it gets the other's in exchange. */
    assign(action, key) {
      const other = takenBy(key);
      take({ ...map, ...(other ? { [other]: map[action] } : {}), [action]: key }, save);
    },
    reset: () => take({ ...STANDARD }, () => storage?.removeItem(STORED)),
    /** Another tab changed the stored map. */
    reload: () => take(read()),
    /** `listener()` is called after each change; returns what ends that. */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export { STORED as KEYS_STORED };
