import assert from "node:assert/strict";
import { test } from "node:test";
import { past, preview, question, rangeWords, sign, suggestionsOf } from "../../assets/web/sheet-words.js";
import { STANDARD } from "../../assets/web/keymap.js";
import { sheetActionOf } from "../../assets/web/sheet-keys.js";

const plain = (text) => text.replace(/[\u2068\u2069]/g, "");
const plan = (n, spared = 0, more = {}) => ({ targets: Array(n).fill(1), spared, of: n + spared, elsewhere: 0, ...more });
const CELL = { given: "cat", suggested: "dog" };
const TAKE = { outcome: "suggestion", labels: [] };
const KEEP = { outcome: "keep", labels: [] };

test("what a key will do", () => {
  const say = (cap, action, ...rest) => plain(preview(cap, action, ...rest));
  assert.equal(say("W", TAKE, plan(57, 3), { mode: "rest", filter: CELL }), "W: 57 of 60 get dog; 3 stay undecided");
  assert.equal(say("A", KEEP, plan(59, 1), { mode: "rest", filter: CELL }), "A: 59 of 60 keep cat; 1 stays undecided");
  assert.equal(say("W", TAKE, plan(1), { mode: "rest" }), "W: 1 of 1 gets its suggested label");
  assert.equal(say("A", KEEP, plan(4, 0, { of: 60, elsewhere: 3 }), { mode: "chosen", filter: CELL }), "A: 4 chosen (3 on other pages) keep cat");
  assert.equal(say("A", KEEP, plan(0, 0, { of: 60 }), { mode: "chosen", filter: CELL }), "Point at a tile, or choose more: click, drag a rectangle, or X.");
  assert.equal(say("A", KEEP, plan(0, 3), { mode: "rest", filter: CELL }), "All 3 are exceptions; E acts on them.");
  assert.equal(say("A", KEEP, plan(0), { mode: "rest", filter: CELL }), "Nothing is left to decide here.");
  assert.equal(say("2", { outcome: "relabel", labels: ["fox"] }, plan(5, 2), { mode: "rest", filter: { outcome: ["keep"] } }), "2: 5 of 7 get fox; 2 stay as they are");
  assert.equal(say("O", { outcome: "out_of_scope", labels: [] }, plan(1200, 1), { mode: "rest", filter: CELL }), "O: 1,200 of 1,201 are out of scope; 1 stays undecided");
});

test("what is asked, and what was done", () => {
  assert.equal(question(TAKE, 57, CELL), "Take the suggestion for 57 samples?");
  assert.equal(question(KEEP, 21), "Keep the given label of 21 samples?");
  assert.equal(plain(question({ outcome: "ambiguous", labels: ["cat", "dog"] }, 30)), "Call 30 samples ambiguous between cat / dog?");
  assert.match(question(KEEP, 30, { outcome: ["relabel"] }), /have a decision already/);
  for (const outcome of ["relabel", "out_of_scope", "bad_image", "skip"]) assert.match(question({ outcome, labels: ["x"] }, 30), /30 samples.*\?$/);
  assert.equal(past("suggestion", 57), "57 relabelled");
  assert.equal(past("bad_image", 1), "1 bad image");
  assert.equal(past("bad_image", 1200), "1,200 bad images");
  assert.deepEqual(sign({ outcome: "relabel", labels: ["dog"] }), ["arrow", "dog"]);
  for (const outcome of ["keep", "ambiguous", "out_of_scope", "bad_image", "skip", "of_tomorrow"]) assert.ok(sign({ outcome, labels: [] }).every(Boolean));
});

test("where the page stands", () => {
  assert.equal(rangeWords({ first: 61, last: 120, of: 312, listed: 312 }, "undecided"), "61–120 of 312 undecided");
  assert.equal(rangeWords({ first: 1, last: 60, of: 250000, listed: 100000 }), "1–60 of 250,000, the 100,000 most suspicious are listed");
  assert.equal(rangeWords({ first: 0, last: 0, of: 0, listed: 0 }), "");
});

test("digits are the sheet's suggestions: its own first, then the most frequent", () => {
  const cells = [
    { given: "cat", suggested: "fox", undecided: 9 }, { given: "cat", suggested: "dog", undecided: 2 }, { given: "cat", suggested: "ant", undecided: 9 },
    { given: "dog", suggested: "cat", undecided: 50 },
  ];
  assert.deepEqual(suggestionsOf(cells, CELL), ["dog", "ant", "fox"]);
  assert.deepEqual(suggestionsOf(cells, { given: "cat" }), ["ant", "fox", "dog"]);
  assert.deepEqual(suggestionsOf(cells, {}), ["cat", "ant", "fox", "dog"]);
  assert.equal(suggestionsOf(Array.from({ length: 30 }, (_, i) => ({ given: "a", suggested: `s${i}`, undecided: i })), {}).length, 10);
});

test("the keys of a sheet: those of the card, and its own", () => {
  const press = (key, more = {}) => sheetActionOf({ key, code: "", ...more });
  for (const [key, type] of Object.entries({ a: "keep", w: "suggestion", o: "out_of_scope", b: "bad_image", s: "skip", m: "ambiguous", "/": "search", z: "undo", Backspace: "undo", x: "toggle", X: "toggle", e: "swap", i: "invert", r: "reload", "[": "previous", "]": "next", PageUp: "previous", PageDown: "next" })) {
    assert.deepEqual(press(key), { type }, key);
  }
  assert.deepEqual(press("Z", { shiftKey: true }), { type: "redo" });
  assert.deepEqual(press("0"), { type: "digit", index: 9 });
  assert.deepEqual(press("a", { ctrlKey: true }), { type: "all" });
  assert.deepEqual(press("a", { metaKey: true }), { type: "all" });
  assert.deepEqual(press("[", { ctrlKey: true, altKey: true }), { type: "previous" }); // AltGr
  assert.deepEqual(press("ч", { code: "KeyX" }), { type: "toggle" });
});

test("a sheet leaves alone: Space, Enter, what belongs to the card only, modifiers, auto-repeat of acts", () => {
  const press = (key, more = {}) => sheetActionOf({ key, code: "", ...more });
  for (const key of [" ", "Enter", "Tab", "Escape", "v", "?", "ArrowLeft", "ArrowRight", "F5"]) assert.equal(press(key), null, key);
  for (const key of ["a", "w", "x", "z", "1"]) assert.equal(press(key, { repeat: true }), null, key);
  assert.deepEqual(press("]", { repeat: true }), { type: "next" }); // pages may fly by
  for (const key of ["w", "x", "r", "i"]) assert.equal(press(key, { ctrlKey: true }), null, key);
  assert.equal(press("a", { ctrlKey: true, shiftKey: true }), null);
  assert.equal(press("x", { isComposing: true }), null);
});

test("keys that the person chose for the card hold on a sheet, and come before the sheet's own", () => {
  const map = { ...STANDARD, keep: "x" };
  assert.deepEqual(sheetActionOf({ key: "x", code: "" }, map), { type: "keep" });
  assert.equal(sheetActionOf({ key: "a", code: "" }, map), null);
});
