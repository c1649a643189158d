import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanFilter, filterParts, filterWords, formatFilter, KEYS, parseFilter, without } from "../../assets/web/filters.js";

const FULL = {
  given: "cat & dog", suggested: "a=b#c", p_min: 0.1, p_max: 0.3, outcome: ["undecided", "skip"], annotator: "ada",
  run: "20261120-141503-deft", reason: "neighbours", text: "a b+c", selection: "0f8e-1234", query: "a dog on snow", like: "12", kind: "outliers",
};
const plain = (text) => text.replace(/[\u2068\u2069]/g, "");

test("a filter survives its way through the address, with its keys in a fixed order", () => {
  const reversed = Object.fromEntries(Object.entries(FULL).reverse());
  assert.deepEqual(parseFilter(`#${formatFilter(FULL)}`), FULL);
  assert.equal(formatFilter(reversed), formatFilter(FULL));
  assert.deepEqual([...new URLSearchParams(formatFilter(reversed)).keys()], KEYS);
  assert.equal(formatFilter({ given: "cat", suggested: "dog" }), "given=cat&suggested=dog");
  assert.equal(formatFilter({}), "");
});

test("what is unknown, empty or out of range is dropped", () => {
  assert.deepEqual(parseFilter("#given=cat&nonsense=1&__proto__=x"), { given: "cat" });
  assert.deepEqual(parseFilter("?given=&text=%20&annotator="), {});
  for (const p of ["-0.1", "1.1", "NaN", "Infinity", "", "abc", "0x1"]) assert.deepEqual(parseFilter(`p_min=${p}`), {}, p);
  assert.deepEqual(parseFilter("p_min=0.5&p_max=0.2"), { p_max: 0.2 });
  assert.deepEqual(parseFilter("p_min=0&p_max=1"), {}); // all there is
  assert.deepEqual(parseFilter("p_min=5e-3"), { p_min: 0.005 });
  assert.deepEqual(parseFilter(`text=${"x".repeat(201)}`), {});
  for (const nothing of [undefined, null, "", "#"]) assert.deepEqual(parseFilter(nothing), {});
});

test("outcomes: a known order, unknown ones dropped, all of them is no filter", () => {
  assert.deepEqual(parseFilter("outcome=skip,nonsense,undecided"), { outcome: ["undecided", "skip"] });
  assert.deepEqual(parseFilter("outcome=nonsense"), {});
  assert.deepEqual(parseFilter("outcome=undecided,keep,relabel,ambiguous,out_of_scope,bad_image,skip"), {});
  assert.deepEqual(cleanFilter({ outcome: [] }), {});
});

test("words of a filter, with the names that the server gives", () => {
  assert.equal(plain(filterWords({ given: "cat", suggested: "dog", p_max: 0.3 })), "given cat, suggested dog, p_clean below 0.3");
  assert.equal(filterWords({}), "all samples");
  assert.equal(filterWords({ p_min: 0.2 }), "p_clean from 0.2");
  assert.equal(filterWords({ p_min: 0.2, p_max: 0.4 }), "p_clean from 0.2 to 0.4");
  const values = { runs: [{ run: "r1", detector: "deft" }], reasons: [{ key: "model", words: "the model alone says another class" }], selections: [{ id: "abcdefgh", name: "lasso of 312", count: 312 }] };
  const words = plain(filterWords({ run: "r1", reason: "model", selection: "abcdefgh", outcome: ["keep", "bad_image"], annotator: "ada", text: "2019/" }, values));
  assert.equal(words, "kept or bad image, decided by ada, flagged by deft, the model alone says another class, path with “2019/”, lasso of 312");
  assert.equal(plain(filterWords({ run: "gone", selection: "gone-too" }, values)), "flagged by gone, a selection");
});

test("each part knows which keys it takes away", () => {
  const parts = filterParts(FULL);
  assert.deepEqual(parts.flatMap(({ keys }) => keys), KEYS);
  let left = FULL;
  for (const { keys } of parts) left = without(left, keys);
  assert.deepEqual(left, {});
  assert.equal(without(FULL, ["p_min", "p_max"]).p_max, undefined);
});
