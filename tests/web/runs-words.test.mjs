import assert from "node:assert/strict";
import test from "node:test";

import { runWords } from "../../assets/web/card.js";
import { changes, costLine, duration, epochLine, faultyField, learnLine, memory, progressLine, resumeLine, seenWords, share, verdict } from "../../assets/web/runs-words.js";

const RUN = { id: "r", state: "done", message: "", stage: "", done: null, of: null, seconds_left: null, seconds: 41.26, samples: 1500, faults: 0, reason: "", resumable: null, decisions: 0 };

test("durations and memory are as coarse as a guess is", () => {
  assert.equal(duration(0.4), "5 s");
  assert.equal(duration(41), "40 s");
  assert.equal(duration(89), "90 s");
  assert.equal(duration(150), "3 min");
  assert.equal(duration(5400), "1.5 h");
  assert.equal(duration(7200), "2 h");
  assert.equal(duration(72000), "20 h");
  assert.equal(memory(6.2e8), "0.6 GB");
  assert.equal(memory(1e6), "0.1 GB");
  assert.equal(memory(23.4e9), "23 GB");
});

test("what a run would take is said, or that nobody knows yet", () => {
  assert.equal(costLine({ seconds: 41, bytes: 6.2e8 }), "about 40 s, 0.6 GB");
  assert.equal(costLine({ seconds: null, bytes: null }), "time unknown until the first ranking");
});

test("what a run learns from is counted", () => {
  assert.equal(learnLine(30), "learns from 30 decisions");
  assert.equal(learnLine(1), "learns from 1 decision");
  assert.match(learnLine(0), /labels alone/);
  assert.equal(seenWords(1200), "1,200 decisions");
  assert.equal(seenWords(0), "labels alone");
  assert.equal(seenWords(null), "…");
});

test("a run at work says how far it is", () => {
  const run = { ...RUN, state: "running", stage: "training", done: 320, of: 1900, seconds_left: 118 };
  assert.equal(progressLine(run), "training, 320 of 1,900, about 2 min left");
  assert.equal(progressLine({ ...run, seconds_left: null }), "training, 320 of 1,900");
  assert.equal(progressLine({ ...run, of: null, seconds_left: null }), "training");
  assert.equal(progressLine({ ...run, state: "starting" }), "starting");
  assert.ok(Math.abs(share(run) - 320 / 1900) < 1e-9);
  assert.equal(share({ ...run, of: 0 }), null);
  assert.equal(share({ ...run, state: "starting" }), null);
});

test("a run that is over says what came of it", () => {
  assert.equal(verdict({ ...RUN, reason: "a probe answers" }), "1,500 samples in 41.3 s. A probe answers");
  assert.equal(verdict({ ...RUN, seconds: 600, faults: 1 }), "1,500 samples in 10.0 min, 1 image could not be read.");
  assert.equal(verdict({ ...RUN, seconds: null, samples: null }), "0 samples in 0.0 s.");
  assert.equal(verdict({ ...RUN, state: "failed", message: "No room." }), "No room.");
  assert.equal(verdict({ ...RUN, state: "prepared" }), "Prepared, and not started.");
});

test("a run that broke off says from where it can go on", () => {
  assert.equal(resumeLine(RUN), "");
  assert.equal(resumeLine({ ...RUN, resumable: 4, decisions: 30 }), "It can go on after epoch 4, with the 30 decisions that it has seen.");
  assert.equal(resumeLine({ ...RUN, resumable: 4 }), "It can go on after epoch 4, with the labels that it has seen.");
});

test("an epoch is told as far as it is known", () => {
  assert.equal(epochLine([]), "");
  assert.equal(epochLine([{ epoch: 3, of: 10, loss: 1.2345, selected: 0.713, agreement: 0.93 }]), "Epoch 3 of 10 · loss 1.23 · 71 % counted clean · agrees with 93 % of the decisions");
  assert.equal(epochLine([{ epoch: 3, of: 10, loss: null, selected: null, agreement: null }]), "Epoch 3 of 10");
});

test("a sentence names the field that it is about", () => {
  assert.equal(faultyField("deft.epochs is 0; it should be greater than or equal to 1."), "epochs");
  assert.equal(faultyField("Unknown key knn.kk. Did you mean knn.k?"), "kk");
  assert.equal(faultyField("The disk is full."), null);
  assert.equal(faultyField(""), null);
});

test("only what differs from the defaults is sent, numbers as numbers", () => {
  const fields = [
    { name: "epochs", kind: "integer", default: 10 },
    { name: "rate", kind: "number", default: 0.03 },
    { name: "tower", kind: "choice", default: "auto" },
    { name: "detach", kind: "switch", default: true },
    { name: "limit", kind: "integer", default: 5, is_optional: true },
  ];
  assert.deepEqual(changes(fields, new Map()), {});
  assert.deepEqual(changes(fields, new Map([["epochs", "10"], ["rate", "0.030"], ["tower", "auto"], ["detach", true]])), {});
  assert.deepEqual(changes(fields, new Map([["epochs", "3"], ["rate", "1e-3"], ["tower", "frozen"], ["detach", false], ["limit", ""]])),
    { epochs: 3, rate: 0.001, tower: "frozen", detach: false, limit: null });
  assert.deepEqual(changes(fields, new Map([["epochs", ""]])), { epochs: "" }); // the server says what is wrong with it
  assert.deepEqual(changes(fields, new Map([["epochs", "2.5"]])), { epochs: 2.5 });
});

test("the card says what the newest run of each detector thinks, and earlier ones on demand", () => {
  const runs = [
    { run: "r3-deft", detector: "deft", p_clean: 0.03 },
    { run: "r2-deft", detector: "deft", p_clean: 0.4 },
    { run: "r1-transition", detector: "transition", p_clean: 0.12 },
  ];
  const words = runWords(runs);
  assert.deepEqual(words.map(({ detector, p_clean: p }) => [detector, p]), [["deft", 0.03], ["transition", 0.12]]);
  assert.match(words[0].title, /^r3-deft: 3 % .*\nearlier, r2-deft: 40 %/);
  assert.deepEqual(runWords([]), []);
});
