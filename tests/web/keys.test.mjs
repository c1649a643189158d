import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, CHEAT_SHEET, digitCap, isTextField, KEYCAPS, ownsArrows } from "../../assets/web/keys.js";
import { STANDARD, WORDS } from "../../assets/web/keymap.js";

const press = (key, more = {}) => actionOf({ key, code: "", ...more });

test("every letter of the design has its action", () => {
  const expected = { a: "keep", w: "suggestion", m: "ambiguous", o: "out_of_scope", b: "bad_image", s: "skip", z: "undo", v: "attention", n: "note", f: "fit", "+": "zoom_in", "=": "zoom_in", "-": "zoom_out" };
  for (const [key, type] of Object.entries(expected)) assert.deepEqual(press(key), { type });
  assert.deepEqual(press("Backspace"), { type: "undo" });
  assert.deepEqual(press("ArrowLeft"), { type: "back" });
  assert.deepEqual(press("ArrowRight"), { type: "forward" });
});

test("digits 1 to 9 and 0 are the ten likeliest in order", () => {
  assert.deepEqual([..."1234567890"].map((key) => press(key).index), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(Array.from({ length: 11 }, (_, i) => digitCap(i)), [..."1234567890", ""]);
});

test("nothing else is bound: Space, Enter, Tab, Escape, other letters", () => {
  for (const key of [" ", "Enter", "Tab", "Escape", "x", "F5", "ArrowUp", "ArrowDown", "Delete"]) assert.equal(press(key), null, key);
});

test("modifiers, auto-repeat and composition are ignored", () => {
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }, { isComposing: true }]) {
    for (const key of ["a", "1", "Backspace", "?", "/"]) assert.equal(press(key, more), null);
  }
});

test("Shift is allowed for redo, for signs that need it and with arrows only", () => {
  assert.deepEqual(press("Z", { shiftKey: true }), { type: "redo" });
  assert.deepEqual(press("z", { shiftKey: true }), { type: "redo" }); // with CapsLock
  assert.deepEqual(press("?", { shiftKey: true }), { type: "help" });
  assert.deepEqual(press("/", { shiftKey: true, code: "Digit7" }), { type: "search" }); // German layout
  assert.deepEqual(press("+", { shiftKey: true, code: "Equal" }), { type: "zoom_in" });
  assert.deepEqual(press("ArrowLeft", { shiftKey: true }), { type: "pan", x: -1, y: 0 });
  assert.deepEqual(press("ArrowDown", { shiftKey: true, repeat: true }), { type: "pan", x: 0, y: 1 });
  assert.equal(press("ArrowLeft", { repeat: true }), null);
  for (const key of ["A", "W", "S", "Backspace", "!"]) assert.equal(press(key, { shiftKey: true, code: "Digit1" }), null, key);
});

test("CapsLock changes nothing", () => assert.deepEqual(press("A"), { type: "keep" }));

test("layouts: QWERTZ follows the letter, Cyrillic and AZERTY digits follow the place", () => {
  assert.deepEqual(press("z", { code: "KeyY" }), { type: "undo" });
  assert.equal(press("y", { code: "KeyZ" }), null);
  assert.deepEqual(press("ф", { code: "KeyA" }), { type: "keep" });
  assert.deepEqual(press("&", { code: "Digit1" }), { type: "digit", index: 0 });
  assert.deepEqual(press("à", { code: "Digit0" }), { type: "digit", index: 9 });
  assert.deepEqual(press("1", { code: "Digit1", shiftKey: true }), { type: "digit", index: 0 });
});

test("text fields are left alone, buttons and sliders are not", () => {
  const node = (tagName, more = {}, role = null) => ({ tagName, getAttribute: () => role, ...more });
  assert.ok(isTextField(node("INPUT", { type: "text" })));
  assert.ok(isTextField(node("INPUT", { type: "number" })));
  assert.ok(isTextField(node("textarea")));
  assert.ok(isTextField(node("DIV", { isContentEditable: true })));
  assert.ok(isTextField(node("DIV", {}, "combobox")));
  for (const type of ["range", "checkbox", "button", "radio"]) assert.ok(!isTextField(node("INPUT", { type })), type);
  assert.ok(!isTextField(node("BUTTON")));
  assert.ok(!isTextField(null));
  assert.ok(ownsArrows(node("BUTTON", {}, "tab")) && ownsArrows(node("INPUT", { type: "range" })) && !ownsArrows(node("BUTTON")));
});

test("another map: its keys act, the standard ones of the same actions do not", () => {
  const map = { ...STANDARD, keep: "j", fit: "a", undo: "ö", zoom_in: "x", search: "=" };
  const on = (key, more = {}) => actionOf({ key, code: "", ...more }, map);
  assert.deepEqual(on("j"), { type: "keep" });
  assert.deepEqual(on("a"), { type: "fit" });
  assert.deepEqual(on("ö", { code: "Semicolon" }), { type: "undo" });
  assert.deepEqual(on("Backspace"), { type: "undo" }, "always");
  assert.deepEqual(on("="), { type: "search" });
  assert.equal(on("z"), null);
  assert.equal(on("+"), null);
  assert.deepEqual(on("1"), { type: "digit", index: 0 });
});

test("the cheat sheet has every action of the map once, and the fixed keys", () => {
  const rows = CHEAT_SHEET.flatMap(([, list]) => list);
  assert.deepEqual(rows.flatMap(({ actions = [] }) => actions).sort(), Object.keys(STANDARD).sort());
  const fixed = rows.flatMap(({ fixed: keys = [] }) => keys);
  for (const key of ["1", "0", "Backspace", "Esc", "?"]) assert.ok(fixed.includes(key), key);
  for (const row of rows) assert.ok(row.text ?? WORDS[row.actions[0]]);
  assert.deepEqual(Object.keys(KEYCAPS).sort(), [...Object.keys(STANDARD), "help"].sort());
});
