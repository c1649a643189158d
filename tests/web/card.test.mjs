import assert from "node:assert/strict";
import { test } from "node:test";
import { decisionText, saidWords } from "../../assets/web/card.js";
import { trustWords } from "../../assets/web/card-evidence.js";
import { tilesOf, tileWords } from "../../assets/web/card-near.js";
import { rowsOf } from "../../assets/web/card-rows.js";

const neighbour = (position, label, more = {}) => ({ position, label, image: `/i/${position}`, similarity: 1 - position / 100, confirmed: false, outcome: null, ...more });
const cardWith = (labels, suggested = "dog") => ({
  given: { name: "cat" }, suggested: suggested && { name: suggested }, neighbours: labels.map((label, i) => neighbour(i, label)),
});
const kinds = (tiles) => tiles.map(({ kind, neighbour: { position } }) => `${kind[0]}${position}`).join(" ");

test("the nearest come first, then further ones of the given and of the suggested class, each once", () => {
  const labels = [..."dddddddddddd"].map(() => "dog");
  const card = cardWith([...labels, "cat", "dog", "cat", "cat", "cat", "dog", "dog"]);
  assert.equal(kinds(tilesOf(card, 12)), "n0 n1 n2 n3 n4 n5 g12 g14 g15 s6 s7 s8");
  assert.equal(kinds(tilesOf(card, 6)), "n0 n1 g12 g14 s2 s3");
  assert.equal(kinds(tilesOf(card, 3)), "n0 g12 s1");
});

test("where a class has no further image, the nearest take its room", () => {
  const card = cardWith(["dog", "fox", "fox", "dog", "fox", "fox", "fox", "fox", "fox", "fox", "fox", "fox"]);
  assert.equal(kinds(tilesOf(card, 12)), "n0 n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 n11");
  assert.equal(kinds(tilesOf(card, 5)), "n0 n1 n2 n3 n4");
  assert.equal(kinds(tilesOf(cardWith(["cat", "dog"]), 12)), "n0 n1");
  assert.deepEqual(tilesOf(cardWith([]), 12), []);
  assert.deepEqual(tilesOf({ given: { name: "cat" }, suggested: null }, 12), []);
});

test("a suggestion that is the given label gets one part, and no card fills more than its strip", () => {
  const card = cardWith([..."abcdefghijklmnop"].map((letter, i) => (i % 2 ? "cat" : letter)), "cat");
  for (let columns = 3; columns <= 12; columns += 1) {
    const tiles = tilesOf(card, columns);
    assert.equal(tiles.length, columns);
    assert.ok(!tiles.some(({ kind }) => kind === "suggested"));
    assert.equal(new Set(tiles.map(({ neighbour: { position } }) => position)).size, columns);
  }
});

test("a neighbour without a class says why", () => {
  assert.equal(tileWords(neighbour(10, null, { outcome: "out_of_scope" })), "no class (out of scope), similarity 0.90");
  assert.match(tileWords(neighbour(10, "cat", { confirmed: true })), /cat.*, confirmed by a person, similarity 0\.90/);
});

test("a card without a ranking has the first classes on its digits", () => {
  assert.deepEqual(rowsOf({ likeliest: [] }, ["a", "b"]).map(({ name }) => name), ["a", "b"]);
  assert.equal(rowsOf({ likeliest: [] }, Array.from({ length: 30 }, (_, i) => `c${i}`)).length, 10);
});

test("decisions in words", () => {
  assert.equal(decisionText({ outcome: "keep", labels: [], annotator: "ada" }), "Kept by ada");
  assert.match(decisionText({ outcome: "ambiguous", labels: ["cat", "dog"], annotator: "" }), /^Ambiguous .*cat.* \/ .*dog/);
});

test("the main number is what the decisions so far say, with the run's beside it", () => {
  const raw = trustWords({ p_clean: 0.42, chance: null }, 0.5);
  assert.deepEqual(raw, { value: 0.42, mark: 0.5, title: "", note: "flagged below 50 %" });
  const told = trustWords({ p_clean: 0.42, chance: { p_clean: 0.12, threshold: 0.2, decisions: 1030 } }, 0.5);
  assert.deepEqual([told.value, told.mark, told.note], [0.12, 0.2, "p_clean 42 %, flagged below 50 %"]);
  assert.equal(told.title, "By the 1,030 decisions so far; the ranking itself says 42 % (p_clean)");
  assert.equal(trustWords({ p_clean: 0.42 }, 0.5).value, 0.42, "a card of an earlier server");
});

test("who said what of a disputed sample", () => {
  const said = saidWords([{ annotator: "ada", outcome: "keep", labels: [] }, { annotator: "bob", outcome: "relabel", labels: ["deer"] }]);
  assert.equal(said, "\u2068ada\u2069: Kept; \u2068bob\u2069: Relabelled \u2068deer\u2069");
});
