import assert from "node:assert/strict";
import test from "node:test";

import { downloadLine, faultLine, foundLine, guessLine, keyOf, opened, preferred, share, size, stageLine, timeLeft } from "../../assets/web/start-words.js";

test("sizes are short", () => {
  assert.equal(size(0), "0.0 MB");
  assert.equal(size(2_340_000), "2.3 MB");
  assert.equal(size(599e6), "599 MB");
  assert.equal(size(999.6e6), "1.00 GB");
  assert.equal(size(1711e6), "1.71 GB");
});

test("the time left is as coarse as it is known", () => {
  assert.equal(timeLeft(null), "");
  assert.equal(timeLeft(Infinity), "");
  assert.equal(timeLeft(2), "a few seconds left");
  assert.equal(timeLeft(31), "about 35 s left");
  assert.equal(timeLeft(150), "about 3 min left");
  assert.equal(timeLeft(7200), "about 2 h left");
});

test("a download says how far it is, and why it failed", () => {
  const running = { state: "running", done: 150e6, of: 599e6, seconds_left: 60, message: "" };
  assert.equal(downloadLine(running), "150 MB of 599 MB, about 60 s left");
  assert.equal(downloadLine({ ...running, seconds_left: null }), "150 MB of 599 MB");
  assert.equal(downloadLine({ ...running, of: 0, seconds_left: null }), "150 MB");
  assert.equal(downloadLine({ ...running, state: "failed", message: "No way out." }), "No way out.");
  assert.equal(downloadLine({ ...running, state: "none" }), "");
  assert.ok(Math.abs(share(running) - 150 / 599) < 1e-9);
  assert.equal(share({ ...running, of: 0 }), null);
  assert.equal(share({ ...running, state: "starting" }), null);
  assert.equal(share({ ...running, done: 700e6 }), 1);
  assert.equal(share({ ...running, state: "done", of: 0 }), 1);
});

test("every stage has words", () => {
  for (const stage of ["make", "open", "page"]) assert.notEqual(stageLine(stage), stageLine("?"));
});

test("a day is named as a person would, across midnight and not by hours", () => {
  const now = new Date(2026, 10, 21, 0, 30);
  const text = (date) => date.toISOString().slice(0, 19);
  assert.equal(opened(text(new Date(2026, 10, 21, 0, 5)), now), "today");
  assert.equal(opened(text(new Date(2026, 10, 20, 23, 55)), now), "yesterday");
  assert.equal(opened(text(new Date(2026, 10, 11, 12)), now), "10 days ago");
  assert.equal(opened(text(new Date(2026, 0, 2, 12)), now), "2026-01-02");
  assert.equal(opened("nonsense", now), "");
});

test("what was found is one sentence", () => {
  const found = { n_rows: 1203, n_samples: 1200, n_classes: 12, n_faults: 1 };
  assert.equal(foundLine(found), "1,200 samples of 12 classes, 3 cannot be reviewed; 1 line in the import report.");
  assert.equal(foundLine({ ...found, n_rows: 1200, n_faults: 0 }), "1,200 samples of 12 classes.");
  assert.equal(faultLine({ source_row: 0, path: "a.png", problem: "the file is not there" }), "row 1: a.png the file is not there");
  assert.equal(guessLine("2 of 3 are files here"), "Guessed: 2 of 3 are files here.");
  assert.equal(guessLine(""), "");
  assert.equal(faultLine({ source_row: null, path: "", problem: "3 files were left out" }), "3 files were left out");
});

test("before anybody chose, it is the first for photos that is here, and never the bundled one", () => {
  const bundled = { model: "a", weights: "bundled", bundled: true, here: true };
  const first = { model: "b", weights: "x", bundled: false, here: false };
  const second = { model: "c", weights: "y", bundled: false, here: true };
  assert.equal(preferred([bundled, first, second]), second);
  assert.equal(preferred([bundled, first, { ...second, here: false }]), first);
  assert.equal(preferred([bundled]), bundled);
  assert.notEqual(keyOf(first), keyOf(second));
});
