import assert from "node:assert/strict";
import { test } from "node:test";
import { createTrail, PREFETCH } from "../../assets/web/trail.js";

const card = (position, decision = null) => ({ position, sample_id: `s${position}`, decision });
const cards = (...positions) => positions.map((position) => card(position));
const decision = (id, outcome = "keep") => ({ id, outcome, labels: [] });
const at = (trail) => trail.current()?.card.position ?? null;
const ahead = (trail) => trail.ahead().map(({ position }) => position);

function filled(...positions) {
  const trail = createTrail();
  trail.add(cards(...positions), false);
  return trail;
}

test("decisions walk through the cards in the order of the queue", () => {
  const trail = filled(7, 3, 9);
  const walked = [];
  while (at(trail) !== null) {
    walked.push(at(trail));
    trail.decide(decision(`d${at(trail)}`));
  }
  assert.deepEqual(walked, [7, 3, 9]);
});

test("it fills up to twelve cards ahead, not for fewer than four, and stops at the end", () => {
  const trail = createTrail();
  assert.equal(trail.needs(), PREFETCH);
  trail.add(cards(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), false);
  assert.equal(trail.needs(), 0); // eleven ahead of the one on screen
  trail.decide(decision("a"));
  trail.decide(decision("b"));
  assert.equal(trail.needs(), 0);
  trail.decide(decision("c"));
  assert.equal(trail.needs(), PREFETCH - 8);
  trail.add(cards(12), true);
  assert.equal(trail.needs(), 0);
  trail.reopen();
  assert.equal(trail.needs(), 0);
  trail.decide(decision("d"));
  assert.equal(trail.needs(), PREFETCH - 8);
});

test("undecided cards and unsaved positions are held, decided and saved ones are not", () => {
  const trail = filled(1, 2, 3);
  trail.decide(decision("a"));
  assert.deepEqual(trail.held(), [2, 3]);
  assert.deepEqual(trail.held([1]), [2, 3, 1]);
});

test("a card is never shown twice", () => {
  const trail = filled(1, 2);
  assert.equal(trail.add(cards(2, 3), false), 1);
  assert.deepEqual(ahead(trail), [2, 3]);
  trail.decide(decision("a"));
  assert.equal(trail.add(cards(1), false), 0);
  assert.ok(trail.ended, "a queue that only repeats itself has ended");
});

test("a skipped card may come back", () => {
  const trail = filled(1, 2);
  trail.decide(decision("a", "skip"));
  trail.decide(decision("b"));
  trail.add(cards(1), true);
  assert.equal(at(trail), 1);
  assert.equal(trail.current().decision, null);
});

test("a card that was passed over comes back at the end, and under another filter only where the queue holds it", () => {
  const trail = filled(1, 2, 3, 4);
  trail.forward();
  trail.forward();
  trail.refilter();
  assert.equal(at(trail), 3, "what is on screen stays");
  assert.deepEqual(trail.held(), [3], "the server may offer the others again");
  trail.add(cards(8, 2), true);
  const walked = [];
  while (at(trail) !== null) {
    walked.push(at(trail));
    trail.decide(decision(`d${at(trail)}`));
  }
  assert.deepEqual(walked, [3, 8, 2]);
  trail.refilter();
  trail.add(cards(1), true);
  assert.equal(at(trail), 1, "without the filter it is there again");
  trail.forward();
  trail.forward();
  trail.back();
  trail.decide(decision("e"));
  assert.equal(at(trail), null);
});

test("moving does not decide; deciding goes on to the next undecided card", () => {
  const trail = filled(1, 2, 3, 4);
  trail.decide(decision("a"));
  trail.decide(decision("b"));
  trail.back();
  trail.back();
  assert.equal(at(trail), 1);
  assert.equal(trail.current().decision.id, "a");
  assert.equal(trail.back(), null);
  assert.equal(at(trail), 1);
  trail.decide(decision("c", "relabel"));
  assert.equal(at(trail), 3);
});

test("cards passed over come back at the end of the queue", () => {
  const trail = filled(1, 2);
  trail.forward();
  trail.decide(decision("a"));
  assert.equal(at(trail), null);
  trail.add([], true);
  assert.equal(at(trail), 1);
  trail.decide(decision("b"));
  assert.equal(at(trail), null);
});

test("while it waits, the first card that arrives is the current one", () => {
  const trail = filled(1);
  trail.decide(decision("a"));
  assert.equal(at(trail), null);
  trail.add(cards(5, 6), false);
  assert.equal(at(trail), 5);
  assert.deepEqual(ahead(trail), [6]);
});

test("undo returns to its card, and the card left behind comes next", () => {
  const trail = filled(1, 2, 3);
  trail.decide(decision("a"));
  trail.undone(card(1));
  assert.equal(at(trail), 1);
  trail.decide(decision("b"));
  assert.equal(at(trail), 2);
});

test("undo of a changed decision shows the one before it", () => {
  const trail = filled(1, 2);
  trail.decide(decision("a"));
  trail.undone(card(1, decision("first")));
  assert.equal(trail.current().decision.id, "first");
});

test("undo inserts a card that is not in the trail, before the one on screen", () => {
  const trail = filled(1, 2);
  trail.undone(card(99));
  assert.equal(at(trail), 99);
  trail.decide(decision("a"));
  assert.equal(at(trail), 1);
  const empty = createTrail();
  empty.undone(card(5));
  assert.equal(at(empty), 5);
});

test("undo of a card that was only prefetched does not pass over the others", () => {
  const trail = filled(1, 2, 3, 4);
  trail.undone(card(4));
  assert.equal(at(trail), 4);
  trail.decide(decision("a"));
  assert.equal(at(trail), 1);
  assert.deepEqual(ahead(trail), [2, 3]);
});

test("redo decides the card again and moves on", () => {
  const trail = filled(1, 2, 3);
  trail.decide(decision("a"));
  trail.undone(card(1));
  trail.redone(card(1, decision("a")));
  assert.equal(at(trail), 2);
  assert.equal(trail.find(1).decision.id, "a");
  assert.equal(trail.last, "a");
});

test("a refused decision opens its card again, and it comes next", () => {
  const trail = filled(1, 2, 3);
  trail.decide(decision("a"));
  assert.ok(!trail.refused(1, "another"));
  assert.ok(trail.refused(1, "a"));
  assert.equal(at(trail), 2);
  assert.deepEqual(ahead(trail), [1, 3]);
  const waiting = filled(1);
  waiting.decide(decision("a"));
  waiting.refused(1, "a");
  assert.equal(at(waiting), 1);
});

test("a new ranking replaces only what lies beyond the cards that are kept", () => {
  const trail = filled(1, 2, 3, 4, 5, 6);
  trail.decide(decision("a"));
  trail.drop(2);
  assert.equal(at(trail), 2);
  assert.deepEqual(ahead(trail), [3, 4]);
  assert.deepEqual(trail.held(), [2, 3, 4]);
  trail.add(cards(6, 5), false);
  assert.deepEqual(ahead(trail), [3, 4, 6, 5]);
});

test("the trail stays short over many decisions", () => {
  const trail = createTrail();
  for (let i = 0; i < 1000; i += 1) {
    trail.add(cards(i), false);
    trail.decide(decision(`d${i}`));
  }
  let steps = 0;
  while (trail.back()) steps += 1;
  assert.ok(steps >= 190 && steps <= 210, String(steps));
});
