import assert from "node:assert/strict";
import { test } from "node:test";
import { rankMatches } from "../../assets/web/picker.js";

const CLASSES = ["sea lion", "lion", "dandelion", "Lionfish", "cat", "mountain-lion", "élan"];

test("prefix first, then the prefix of a word, then anywhere", () => {
  assert.deepEqual(rankMatches(CLASSES, "lion"), ["lion", "Lionfish", "sea lion", "mountain-lion", "dandelion"]);
});

test("within a rank the likelier comes first, then the order of the classes", () => {
  assert.deepEqual(rankMatches(CLASSES, "lion", ["dandelion", "mountain-lion", "Lionfish"]),
    ["Lionfish", "lion", "mountain-lion", "sea lion", "dandelion"]);
});

test("case, accents and outer spaces do not matter; inner spaces do", () => {
  assert.deepEqual(rankMatches(CLASSES, " ELA "), ["élan"]);
  assert.deepEqual(rankMatches(CLASSES, "a l"), ["sea lion"]);
});

test("no match is an empty list; an empty query is every class, likeliest first", () => {
  assert.deepEqual(rankMatches(CLASSES, "zebra"), []);
  assert.deepEqual(rankMatches(["a", "b", "c"], "", ["c"]), ["c", "a", "b"]);
});

test("hostile names are only text: no pattern is read from them", () => {
  assert.deepEqual(rankMatches(["a.b", "axb", "(", "[z"], "."), ["a.b"]);
  assert.deepEqual(rankMatches(["a.b", "("], "("), ["("]);
});

test("ten thousand classes are ranked within a frame or so", () => {
  const many = Array.from({ length: 10000 }, (_, i) => `class number ${i}`);
  const start = performance.now();
  assert.equal(rankMatches(many, "99", ["class number 990"])[0], "class number 990");
  assert.ok(performance.now() - start < 250);
});
