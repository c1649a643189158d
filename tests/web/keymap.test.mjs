import assert from "node:assert/strict";
import { test } from "node:test";
import { capOf, createKeymap, keyOf, KEYS_STORED, readMap, refusalOf, STANDARD, WORDS } from "../../assets/web/keymap.js";

const press = (key, more = {}) => ({ key, code: "", ...more });

function memory(text) {
  const held = new Map(text === undefined ? [] : [[KEYS_STORED, text]]);
  return { held, getItem: (key) => held.get(key) ?? null, setItem: (key, value) => held.set(key, value), removeItem: (key) => held.delete(key) };
}

test("the standard map has no key twice and words for each action", () => {
  assert.equal(new Set(Object.values(STANDARD)).size, Object.keys(STANDARD).length);
  assert.deepEqual(Object.keys(WORDS).sort(), Object.keys(STANDARD).sort());
});

test("keys are named as they are typed", () => {
  assert.equal(keyOf(press("A")), "a"); // CapsLock
  assert.equal(keyOf(press("Z", { shiftKey: true })), "Shift+z");
  assert.equal(keyOf(press("ф", { code: "KeyA" })), "a");
  assert.equal(keyOf(press("ö", { code: "Semicolon" })), "ö");
  assert.equal(keyOf(press("+", { shiftKey: true })), "+");
  assert.equal(keyOf(press("ArrowUp")), "ArrowUp");
  for (const key of [" ", "Enter", "F5", "Shift", ""]) assert.equal(keyOf(press(key)), "", key);
  assert.deepEqual(["a", "Shift+z", "ArrowLeft", "/", "Delete", "ö"].map(capOf), ["A", "⇧Z", "←", "/", "Del", "Ö"]);
});

test("Space, Enter, Escape, Tab and ? cannot be chosen, nor digits, Backspace and what belongs to the browser", () => {
  for (const key of [" ", "Enter", "Escape", "Tab", "?", "Backspace", "1", "0", "F5", "ArrowPrevious"]) assert.match(refusalOf(press(key)), /\.$/, key);
  assert.match(refusalOf(press("a", { ctrlKey: true })), /browser/);
  assert.match(refusalOf(press("é", { code: "Digit2" })), /digits/); // AZERTY
  assert.match(refusalOf(press("ArrowUp", { shiftKey: true })), /zoomed/);
  for (const key of ["Shift", "Control", "Dead"]) assert.equal(refusalOf(press(key)), "", "waits for the key that is to come");
  assert.equal(refusalOf(press("a", { repeat: true })), "");
  for (const key of ["x", ";", "ö", "ArrowUp", "Delete", "PageUp"]) assert.equal(refusalOf(press(key)), null, key);
  assert.equal(refusalOf(press("K", { shiftKey: true })), null);
});

test("a new key is saved and holds in the next page", () => {
  const storage = memory();
  const keys = createKeymap({ storage });
  let heard = 0;
  keys.subscribe(() => { heard += 1; });
  assert.ok(keys.isStandard);
  keys.assign("keep", "j");
  assert.deepEqual([keys.cap("keep"), keys.takenBy("a"), heard], ["J", null, 1]);
  assert.equal(createKeymap({ storage }).cap("keep"), "J");
});

test("a key that is taken is exchanged", () => {
  const keys = createKeymap({ storage: memory() });
  assert.equal(keys.takenBy("v"), "attention");
  keys.assign("keep", "v");
  assert.deepEqual([keys.key("keep"), keys.key("attention")], ["v", "a"]);
  keys.assign("keep", "v");
  assert.deepEqual([keys.key("keep"), keys.key("attention")], ["v", "a"], "its own key changes nothing");
});

test("back to the standard keys forgets the stored map", () => {
  const storage = memory();
  const keys = createKeymap({ storage });
  keys.assign("skip", "x");
  keys.reset();
  assert.ok(keys.isStandard);
  assert.equal(storage.held.size, 0);
});

test("another tab's keys are taken over", () => {
  const storage = memory();
  const [mine, theirs] = [createKeymap({ storage }), createKeymap({ storage })];
  theirs.assign("skip", "x");
  mine.reload();
  assert.equal(mine.key("skip"), "x");
});

test("broken or hostile stored content is ignored", () => {
  const hostile = ["", "{", "null", "[]", "7", '"a"', '{"keep":" "}', '{"keep":"Enter"}', '{"keep":"?"}', '{"keep":"1"}', '{"keep":"<b>"}', '{"keep":["x"]}', '{"keep":{"toString":1}}',
    '{"keep":"w"}', '{"keep":"constructor"}', '{"keep":"toString"}', '{"__proto__":{"keep":"x"}}', '{"nonsense":"x"}', '{"keep":"A"}', '{"keep":"Shift+"}'];
  for (const text of hostile) assert.deepEqual(readMap(text), { ...STANDARD }, text);
  assert.equal(readMap('{"keep":"x","nonsense":"y","skip":"Escape"}').keep, "x");
  assert.equal(readMap('{"keep":"x","skip":"Escape"}').skip, "s");
  const broken = { getItem() { throw new Error("forbidden"); }, setItem() { throw new Error("full"); }, removeItem() { throw new Error("no"); } };
  const keys = createKeymap({ storage: broken });
  keys.assign("keep", "j");
  assert.equal(keys.key("keep"), "j", "holds until the page is closed");
  keys.reset();
  assert.equal(createKeymap().key("keep"), "a");
});
