// The key map of the review card. Pure: an event-like object goes in, an action or null comes out.
// Letters follow the letter that the layout types (Z is Z on QWERTZ); a layout that types no Latin
// letter, or no digit without Shift (AZERTY), falls back to the place of the key.

const LETTERS = {
  a: "keep",
  w: "suggestion",
  m: "ambiguous",
  o: "out_of_scope",
  b: "bad_image",
  s: "skip",
  z: "undo",
  v: "attention",
};
const NAMED = { Backspace: "undo", ArrowLeft: "back", ArrowRight: "forward" };

export const KEYCAPS = {
  keep: "A",
  suggestion: "W",
  ambiguous: "M",
  out_of_scope: "O",
  bad_image: "B",
  skip: "S",
  undo: "Z",
  redo: "⇧Z",
  back: "←",
  forward: "→",
  search: "/",
  attention: "V",
  help: "?",
};

/** The digit key of the i-th likeliest class: 1 … 9, 0; "" past the tenth. */
export const digitCap = (i) => (i < 9 ? String(i + 1) : i === 9 ? "0" : "");

const digit = (text) => ({ type: "digit", index: (Number(text) + 9) % 10 });

function letterOf(event) {
  const key = event.key ?? "";
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const placed = /^Key([A-Z])$/.exec(event.code ?? "");
  const foreign = key.length === 1 && key.charCodeAt(0) > 127; // Cyrillic, Greek, Hebrew …
  return placed && foreign ? placed[1].toLowerCase() : "";
}

/** The action of a key press, `{type, index?}`, or null. Shift is allowed for redo, "/" and "?". */
export function actionOf(event) {
  if (event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key ?? "";
  if (key === "?") return { type: "help" };
  if (key === "/") return { type: "search" };
  if (/^[0-9]$/.test(key)) return digit(key);
  const letter = letterOf(event);
  if (event.shiftKey) return letter === "z" ? { type: "redo" } : null;
  if (letter) return LETTERS[letter] ? { type: LETTERS[letter] } : null;
  if (NAMED[key]) return { type: NAMED[key] };
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

/** Rows of the cheat sheet: [group, [[keys, what they do], …]]. */
export const CHEAT_SHEET = [
  ["Decide", [
    [["A"], "Keep the given label"],
    [["W"], "Take the suggestion"],
    [["1", "…", "9", "0"], "Take one of the ten likeliest classes"],
    [["/"], "Find any class by typing"],
    [["M"], "Ambiguous: choose two or more classes, Enter"],
    [["O"], "Out of scope: none of the classes"],
    [["B"], "Bad image: cannot be judged"],
    [["S"], "Skip for now"],
  ]],
  ["Move", [
    [["Z", "Backspace"], "Undo the last decision and return to it"],
    [["⇧ Z"], "Redo"],
    [["←", "→"], "Back and forward, without deciding"],
    [["V"], "Where the model sees the given class, the suggested one, the difference; off"],
    [["Esc"], "Close, or leave a text field"],
    [["?"], "These keys"],
  ]],
];
