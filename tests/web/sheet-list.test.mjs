import assert from "node:assert/strict";
import { test } from "node:test";
import { createList, decodePositions } from "../../assets/web/sheet-list.js";

const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => from + i);
const kept = () => ({ outcome: "keep", labels: [] });

function listOf(n, size, total) {
  const list = createList();
  list.resize(size);
  list.load(numbers(n), total);
  return list;
}

test("the bytes of the server are a list; half of them is an error with a sentence", () => {
  assert.deepEqual([...decodePositions(new Uint32Array([3, 9, 4, 70000]).buffer)], [9, 4, 70000]);
  assert.deepEqual([...decodePositions(new Uint32Array([0]).buffer)], []);
  for (const broken of [new ArrayBuffer(0), new Uint32Array([3, 9]).buffer]) assert.throws(() => decodePositions(broken), /incomplete/);
});

test("pages, and where they stand", () => {
  const list = listOf(10, 4, 250);
  assert.deepEqual(list.page(), [0, 1, 2, 3]);
  assert.deepEqual(list.ahead(), [4, 5, 6, 7]);
  assert.deepEqual(list.range(), { first: 1, last: 4, of: 250, listed: 10 });
  assert.ok(!list.hasPrevious() && list.hasNext());
  list.next();
  list.next();
  assert.deepEqual(list.page(), [8, 9]);
  assert.ok(!list.hasNext());
  list.next(); // there is nothing behind the end
  assert.deepEqual(list.page(), [8, 9]);
  list.previous();
  assert.deepEqual(list.page(), [4, 5, 6, 7]);
});

test("what is decided stays until the page turns, and no sample is passed over by the turn", () => {
  const list = listOf(10, 4);
  list.settle([0, 1, 2], kept);
  assert.deepEqual(list.page(), [0, 1, 2, 3]);
  list.next();
  assert.deepEqual(list.page(), [4, 5, 6, 7]);
  assert.deepEqual(list.range(), { first: 2, last: 5, of: 7, listed: 7 });
  list.previous();
  assert.deepEqual(list.page(), [3, 4, 5, 6]);
  assert.equal(list.range().first, 1);
});

test("a page that is all decided is spent; turning back leads to what was before it", () => {
  const list = listOf(10, 4);
  list.next();
  list.settle([4, 5, 6, 7], kept);
  assert.ok(list.isSpent());
  list.previous();
  assert.deepEqual(list.page(), [0, 1, 2, 3]);
  list.settle(numbers(4), kept);
  list.settle([8, 9], kept);
  list.next();
  assert.deepEqual(list.page(), []);
  assert.ok(!list.isSpent());
});

test("what is taken back is on the page again", () => {
  const list = listOf(12, 4);
  list.settle([0, 1, 2, 3], kept);
  list.next();
  assert.deepEqual(list.page(), [4, 5, 6, 7]);
  list.reopen([0, 1, 2, 3]);
  assert.deepEqual(list.page(), [0, 1, 2, 3]);
  list.settle([1], kept);
  list.reopen([1]);
  assert.deepEqual(list.page(), [0, 1, 2, 3]);
  assert.equal(list.done.size, 0);
});

test("another size of the page keeps its first tile", () => {
  const list = listOf(20, 4);
  list.next();
  list.resize(6);
  assert.deepEqual(list.page(), [4, 5, 6, 7, 8, 9]);
  list.previous();
  assert.deepEqual(list.page(), numbers(6));
});
