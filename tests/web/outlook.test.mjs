import assert from "node:assert/strict";
import test from "node:test";

import { cardsFor, catchWords, disputeWords, movedWords, precisionWords, shortWords } from "../../assets/web/outlook.js";

const curve = { cards: [0, 10, 20, 40], share: [0, 0.5, 0.9, 1] };

test("the button says how many, and when nobody audited", () => {
  const told = { left: { point: 40.6, low: 18, high: 77 }, undecided: 3102, audits: 30 };
  assert.equal(shortWords(told), "About 41 errors left (18–77)");
  assert.equal(shortWords({ ...told, audits: 0 }), "About 41 errors left (18–77), not audited");
  assert.equal(shortWords({ ...told, undecided: 0 }), "All decided");
  assert.equal(shortWords({ ...told, left: { point: 0, low: 0, high: 0 } }), "About 0 errors left");
});

test("the slider finds the first number of cards that catches enough", () => {
  assert.equal(cardsFor(curve, 0.5), 10);
  assert.equal(cardsFor(curve, 0.51), 20);
  assert.equal(cardsFor(curve, 0.99), 40);
  assert.equal(cardsFor({ cards: [0], share: [0] }, 0.9), 0);
  assert.equal(catchWords(curve, 0.9), "Review 20 cards to catch about 90 % of them");
});

test("precision is said in a sentence", () => {
  assert.equal(precisionWords({ wrong: 87, of: 100 }), "87 of the last 100 cards of the queue were wrong (87 %).");
  assert.equal(precisionWords({ wrong: 1, of: 3 }), "1 of the last 3 cards of the queue was wrong (33 %).");
  assert.equal(precisionWords({ wrong: 0, of: 0 }), "No card of the queue is decided yet.");
});

test("what the decisions moved is said where they did", () => {
  assert.equal(movedWords({ entered: 27, left: 143 }), "Your decisions moved 27 images into the flagged ones and 143 out of them.");
  assert.equal(movedWords({ entered: 1, left: 0 }), "Your decisions moved 1 image into the flagged ones and 0 out of them.");
  assert.equal(movedWords({ entered: 0, left: 0 }), "");
  assert.equal(movedWords(), "");
});

test("how many samples people disagree about is said in words", () => {
  assert.equal(disputeWords(0), "Nobody disagrees.");
  assert.equal(disputeWords(1), "People disagree about 1 sample.");
  assert.equal(disputeWords(1200), "People disagree about 1,200 samples.");
});
