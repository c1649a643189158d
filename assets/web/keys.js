// The keys of the review card. Pure: an event-like object and a key map go in, an action or null comes out.
// A layout that types no digit without Shift (AZERTY) falls back to the place of the key.

import { capOf, keyOf, STANDARD } from "./keymap.js";

/** The caps of the standard keys. */
export const KEYCAPS = { ...Object.fromEntries(Object.entries(STANDARD).map(([action, key]) => [action, capOf(key)])), help: "?" };

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The digit key of the i-th likeliest class: 1 … 9, 0; "" past the tenth. */
export const digitCap = (i) => (i < 9 ? String(i + 1) : i === 9 ? "0" : "");

const digit = (text) => ({ type: "digit", index: (Number(text) + 9) % 10 });

/**
 * The action of a key press, `{type, index?, x?, y?}`, or null. `map`: action → key (see keymap.js). Shift is
 * allowed where the key is a sign that needs it, with a letter that the map has so, and with arrows (pan).
 */
export function actionOf(event, map = STANDARD) {
  if (event.repeat && !ARROWS[event.key]) return null;
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key ?? "";
  if (event.shiftKey && ARROWS[key]) return { type: "pan", x: ARROWS[key][0], y: ARROWS[key][1] };
  if (event.repeat) return null;
  if (key === "?") return { type: "help" };
  if (/^[0-9]$/.test(key)) return digit(key);
  const typed = keyOf(event);
  const type = typed && Object.keys(map).find((action) => map[action] === typed);
  if (type) return { type };
  if (key === "=" && map.zoom_in === "+") return { type: "zoom_in" }; // the same key, without Shift
  if (event.shiftKey) return null;
  if (key === "Backspace") return { type: "undo" };
  const placed = /^Digit([0-9])$/.exec(event.code ?? "");
  return placed && key.length === 1 ? digit(placed[1]) : null;
}

const TEXT_INPUTS = /^(text|search|email|url|tel|password|number|date|time|datetime-local|month|week)$/;

/** True where letters belong to the widget: text fields, lists to choose from, editable text. */
export function isTextField(node) {
  if (!node?.tagName) return false;
  const tag = node.tagName.toUpperCase();
  if (tag === "TEXTAREA" || tag === "SELECT" || node.isContentEditable) return true;
  if (tag === "INPUT") return TEXT_INPUTS.test((node.type || "text").toLowerCase());
  return /^(textbox|combobox|searchbox|listbox)$/.test(node.getAttribute?.("role") ?? "");
}

/** True where arrow keys belong to the focused widget (tabs, sliders, radio buttons). */
export function ownsArrows(node) {
  if (!node?.tagName) return false;
  if (node.tagName.toUpperCase() === "INPUT" && /^(range|radio)$/.test(node.type ?? "")) return true;
  return /^(tab|slider|radio|menuitem|option|treeitem)$/.test(node.getAttribute?.("role") ?? "");
}

/** Rows of the cheat sheet: [group, [{actions?, fixed?, text?}, …]]; actions can be given other keys. */
export const CHEAT_SHEET = [
  ["Decide", [
    { actions: ["keep"] },
    { actions: ["suggestion"] },
    { fixed: ["1", "…", "9", "0"], text: "Take one of the ten likeliest classes" },
    { actions: ["search"] },
    { actions: ["ambiguous"] },
    { actions: ["out_of_scope"] },
    { actions: ["bad_image"] },
    { actions: ["skip"] },
    { actions: ["note"] },
  ]],
  ["Move and look", [
    { actions: ["undo"], fixed: ["Backspace"] },
    { actions: ["redo"] },
    { actions: ["back", "forward"], text: "Back and forward, without deciding" },
    { actions: ["attention"] },
    { actions: ["fit"] },
    { actions: ["zoom_in", "zoom_out"], text: "Zoom in and out; the wheel does it, too" },
    { fixed: ["⇧", "←", "↑", "↓", "→"], text: "Move the zoomed image" },
    { fixed: ["Esc"], text: "Close, or leave a text field" },
    { fixed: ["?"], text: "These keys" },
  ]],
];
