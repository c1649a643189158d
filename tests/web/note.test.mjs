import assert from "node:assert/strict";
import { test } from "node:test";
import { createDrafts, LONGEST } from "../../assets/web/note.js";

test("a note waits for its own card until it is decided", () => {
  const drafts = createDrafts();
  drafts.write(3, "  looks like a wolf ");
  assert.equal(drafts.textOf(3, null), "  looks like a wolf ");
  assert.equal(drafts.textOf(4, null), "");
  assert.equal(drafts.take(4, null), null);
  assert.equal(drafts.take(3, null), "looks like a wolf");
  assert.equal(drafts.take(3, null), null, "used up");
});

test("a card that is decided again keeps its note, changes it, or loses it when it is wiped", () => {
  const drafts = createDrafts();
  const decision = { note: "blurred" };
  assert.equal(drafts.textOf(1, decision), "blurred");
  assert.equal(drafts.take(1, decision), "blurred");
  drafts.write(1, "sharp");
  assert.equal(drafts.take(1, decision), "sharp");
  drafts.write(1, "");
  assert.equal(drafts.textOf(1, decision), "");
  assert.equal(drafts.take(1, decision), null);
});

test("the note of a decision that is taken back is there again, unless another was begun", () => {
  const drafts = createDrafts();
  drafts.restore(1, "blurred");
  assert.equal(drafts.textOf(1, null), "blurred");
  drafts.write(1, "new");
  drafts.restore(1, "blurred");
  assert.equal(drafts.textOf(1, null), "new");
  drafts.restore(2, null);
  assert.equal(drafts.textOf(2, null), "");
});

test("a note is as long as the server takes it", () => {
  const drafts = createDrafts();
  drafts.write(1, "x".repeat(5000));
  assert.equal(drafts.take(1, null).length, LONGEST);
});
