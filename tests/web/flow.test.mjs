import assert from "node:assert/strict";
import { test } from "node:test";
import { choiceOf, createFlow } from "../../assets/web/flow.js";
import { createDrafts } from "../../assets/web/note.js";
import { createTrail } from "../../assets/web/trail.js";

const CLASSES = ["cat", "dog", "frog"];
const cardAt = (position, more = {}) => ({
  position, sample_id: `s${position}`, given: { name: "cat", probability: 0.1 }, suggested: { name: "dog", probability: 0.8 }, p_clean: 0.05, run: "r",
  likeliest: [{ name: "dog", probability: 0.8 }, { name: "cat", probability: 0.1 }], neighbours: [], decision: null, ...more,
});
const turn = async (times = 8) => { for (let i = 0; i < times; i += 1) await new Promise((done) => setImmediate(done)); };

/** A flow over a small server in memory; `gates` hold calls and images back until released. */
function rig({ n = 30, version = 1, ranking = {} } = {}) {
  const server = { decided: [], version, ranking: { state: "ready", ...ranking }, undone: null, offline: false, blind: false, asked: [] };
  const gates = { cards: null, images: null, undo: null };
  const shown = [];
  const hints = [];
  const screens = [];
  let clock = 0;
  let id = 0;
  const decided = () => new Set(server.decided.map(({ position }) => position));
  const reply = () => ({ progress: {}, ranking: { ...server.ranking, version: server.version } });
  const calls = {
    async get(path) {
      const one = /^\/api\/card\/(\d+)$/.exec(path);
      if (one && Number(one[1]) >= n) throw Object.assign(new Error("There is no such sample."), { status: 400 });
      if (one) return cardAt(Number(one[1]));
      const query = new URLSearchParams(path.split("?")[1]);
      const held = new Set(query.get("held").split(",").filter(Boolean).map(Number));
      server.asked.push(path);
      await gates.cards;
      const step = query.get("given") === "tens" ? 10 : 1; // the one filter that this server knows
      const more = server.blind ? { blind: true, p_clean: null, suggested: null, run: null } : {};
      const cards = Array.from({ length: n }, (_, i) => (server.version % 2 ? i : n - 1 - i))
        .filter((i) => i % step === 0 && !decided().has(i) && !held.has(i)).slice(0, Number(query.get("count"))).map((i) => cardAt(i, more));
      return { cards, ...reply() };
    },
    async post() {
      await gates.undo;
      const undone = server.decided.pop() ?? null;
      return { undone, card: undone && cardAt(undone.position), progress: {} };
    },
    until: (run) => run(),
  };
  const saver = {
    add(entry) { id += 1; server.decided.push({ id: `d${id}`, ...entry }); return `d${id}`; },
    state: () => ({ unsaved: 0, failing: server.offline }), positions: () => [], settled: async () => {},
  };
  const items = new Map();
  const images = {
    load(card) {
      if (!items.has(card.position)) {
        const item = { ready: !gates.images };
        item.promise = Promise.resolve(gates.images).then(() => { item.ready = true; });
        items.set(card.position, item);
      }
      return items.get(card.position);
    },
    keep() {},
  };
  const view = new Proxy({ card: (entry) => shown.push(entry.card.position), hint: (text) => hints.push(text), empty: () => screens.push("empty"), isEmpty: () => false,
    trouble: (error) => { throw error; }, pick: (options) => { view.options = options; }, fed: [], feed: (key) => view.fed.push(key) },
  { get: (target, name) => target[name] ?? (() => {}) });
  const trail = createTrail();
  const notes = createDrafts();
  const flow = createFlow({ session: { classes: CLASSES, annotator: "ada", ...reply() }, trail, saver, calls, images, view, uuid: () => "u", now: () => clock, notes });
  return { flow, trail, notes, server, gates, shown, hints, screens, view, pass: (ms) => { clock += ms; } };
}

const gate = () => { let open; const promise = new Promise((done) => { open = done; }); return [promise, open]; };
const outcomes = (server) => server.decided.map(({ position, outcome, labels }) => [position, outcome, ...labels]);

test("what a key means on a card", () => {
  const card = cardAt(0);
  const choice = (action, on = card) => choiceOf(on, action, CLASSES);
  assert.deepEqual(choice({ type: "keep" }), { outcome: "keep", labels: [] });
  assert.deepEqual(choice({ type: "suggestion" }), { outcome: "relabel", labels: ["dog"] });
  assert.deepEqual(choice({ type: "suggestion" }, cardAt(0, { suggested: { name: "cat" } })), { outcome: "keep", labels: [] });
  assert.match(choice({ type: "suggestion" }, cardAt(0, { suggested: null })).hint, /no suggestion for this card/);
  assert.match(choice({ type: "suggestion" }, cardAt(0, { suggested: null, blind: true })).hint, /judge the image alone/);
  assert.deepEqual(choice({ type: "digit", index: 0 }), { outcome: "relabel", labels: ["dog"] });
  assert.deepEqual(choice({ type: "digit", index: 1 }), { outcome: "keep", labels: [] });
  assert.ok(choice({ type: "digit", index: 9 }).hint);
  assert.deepEqual(choice({ type: "digit", index: 2 }, cardAt(0, { likeliest: [] })), { outcome: "relabel", labels: ["frog"] });
  assert.deepEqual(choice({ type: "labels", names: ["cat", "dog"] }), { outcome: "ambiguous", labels: ["cat", "dog"] });
  assert.deepEqual(choice({ type: "skip" }), { outcome: "skip", labels: [] });
});

test("a burst belongs to successive cards, also while cards and images are on their way", async () => {
  const { flow, server, gates } = rig();
  await flow.look();
  const [cards, openCards] = gate();
  const [images, openImages] = gate();
  gates.cards = cards;
  gates.images = images;
  const keys = ["keep", "skip", "bad_image", "out_of_scope"];
  for (let i = 0; i < 20; i += 1) flow.press({ type: keys[i % 4] });
  await turn();
  assert.ok(server.decided.length < 20, "it waits");
  openImages();
  openCards();
  await turn(60);
  assert.deepEqual(outcomes(server), Array.from({ length: 20 }, (_, i) => [i, keys[i % 4]]));
});

test("a fast Z 1 applies the 1 to the card that comes back", async () => {
  const { flow, server, gates, trail } = rig();
  await flow.look();
  await flow.press({ type: "keep" });
  const [undo, open] = gate();
  gates.undo = undo;
  flow.press({ type: "undo" });
  flow.press({ type: "digit", index: 0 });
  await turn();
  assert.deepEqual(outcomes(server), [[0, "keep"]]);
  open();
  await turn();
  assert.deepEqual(outcomes(server), [[0, "relabel", "dog"]]);
  assert.equal(trail.current().card.position, 1);
});

test("where there is nothing to undo, or no server, the keys behind it are not applied to another card", async () => {
  const { flow, server, hints, pass } = rig();
  await flow.look();
  pass(1000);
  flow.press({ type: "undo" });
  flow.press({ type: "keep" });
  await turn();
  flow.press({ type: "bad_image" }); // a moment after the answer
  assert.deepEqual(outcomes(server), []);
  pass(1000);
  await flow.press({ type: "keep" });
  server.offline = true;
  flow.press({ type: "undo" });
  flow.press({ type: "skip" });
  await turn();
  assert.deepEqual(outcomes(server), [[0, "keep"]]);
  assert.ok(hints.length >= 2);
  pass(1000);
  await flow.press({ type: "keep" });
  assert.equal(server.decided.length, 2, "later keys count again");
});

test("a key long into a stall was not meant for the next card", async () => {
  const { flow, server, gates, hints, pass } = rig({ n: 60 });
  await flow.look();
  const [cards, open] = gate();
  gates.cards = cards;
  for (let i = 0; i < 40; i += 1) flow.press({ type: "keep" });
  await turn();
  const before = server.decided.length;
  pass(3500);
  flow.press({ type: "bad_image" });
  assert.match(hints[0], /not counted/);
  open();
  await turn(60);
  assert.ok(before < 40 && server.decided.length === 40);
  assert.ok(server.decided.every(({ outcome }) => outcome === "keep"));
});

test("the queue ends with its screen, and keys pressed for no card are dropped", async () => {
  const { flow, server, screens } = rig({ n: 3 });
  await flow.look();
  for (let i = 0; i < 6; i += 1) flow.press({ type: "keep" });
  await turn(30);
  assert.equal(server.decided.length, 3);
  assert.deepEqual(screens, ["empty"]);
});

test("a new ranking leaves the card on screen and the next five", async () => {
  const { flow, server, trail } = rig();
  await flow.look();
  await turn();
  server.version = 2;
  flow.hear({ ranking: { ...server.ranking, version: 2 } });
  flow.refill();
  await turn();
  assert.equal(trail.current().card.position, 0);
  assert.deepEqual(trail.ahead().slice(0, 7).map(({ position }) => position), [1, 2, 3, 4, 5, 29, 28]);
});

test("keys typed before the picker could open go into it, the choice goes to the card it was opened on", async () => {
  const { flow, server, gates, view } = rig();
  await flow.look();
  await flow.press({ type: "keep" });
  const [undo, open] = gate();
  gates.undo = undo;
  flow.press({ type: "undo" });
  flow.press({ type: "search" });
  assert.ok(flow.opensPicker);
  flow.press({ type: "typed", key: "f" });
  open();
  await turn();
  assert.deepEqual(view.fed, ["f"]);
  view.options.onChoose(["frog"]);
  assert.deepEqual(outcomes(server), [[0, "relabel", "frog"]]);
});

test("a card that is asked for by its position comes before the one on screen, and the queue goes on from there", async () => {
  const { flow, shown, server } = rig();
  await flow.look();
  await turn();
  flow.press({ type: "open", position: 17, at: 0 });
  await turn();
  assert.deepEqual(shown.slice(-1), [17]);
  flow.press({ type: "keep", at: 0 });
  await turn();
  assert.deepEqual(server.decided.map(({ position }) => position), [17]);
  assert.deepEqual(shown.slice(-1), [0]);
});

test("a card that was decided here and is asked for again shows that decision, heard of by the server or not", async () => {
  const { flow, shown, trail } = rig();
  await flow.look();
  await turn();
  flow.press({ type: "keep", at: 0 });
  await turn();
  flow.press({ type: "open", position: 0, at: 0 });
  await turn();
  assert.deepEqual(shown.slice(-1), [0]);
  assert.equal(trail.current().decision.outcome, "keep");
});

test("another filter leaves the card on screen, forgets those that were fetched and asks for its own", async () => {
  const { flow, server, trail, shown } = rig({ n: 60 });
  await flow.look();
  await turn();
  flow.setFilter("given=tens");
  await turn();
  assert.equal(trail.current().card.position, 0);
  assert.deepEqual(trail.ahead().map(({ position }) => position), [10, 20, 30, 40, 50]);
  assert.match(server.asked.at(-1), /&given=tens$/);
  await flow.press({ type: "keep" });
  assert.deepEqual(shown.slice(-1), [10]);
  flow.setFilter("");
  await turn();
  assert.deepEqual(trail.ahead().slice(0, 3).map(({ position }) => position), [1, 2, 3]);
  assert.equal(flow.filter, "");
});

test("cards on their way for an old filter are not taken", async () => {
  const { flow, server, gates, trail } = rig({ n: 60 });
  const [cards, open] = gate();
  gates.cards = cards;
  const looking = flow.look();
  await turn();
  flow.setFilter("given=tens");
  open();
  await looking;
  await turn();
  assert.deepEqual([trail.current().card, ...trail.ahead()].map(({ position }) => position), [0, 10, 20, 30, 40, 50]);
  assert.equal(server.asked.length, 2);
});

test("a filter that nothing matches any more ends with its screen; without it the queue goes on", async () => {
  const { flow, screens, trail } = rig({ n: 15 });
  flow.setFilter("given=tens");
  await turn();
  for (let i = 0; i < 4; i += 1) flow.press({ type: "keep" });
  await turn(30);
  assert.deepEqual(screens, ["empty"]);
  await flow.setFilter("");
  await turn();
  assert.equal(trail.current().card.position, 1);
});

test("a note goes with its decision and comes back with an undo", async () => {
  const { flow, server, notes } = rig();
  await flow.look();
  notes.write(0, "blurred");
  await flow.press({ type: "keep" });
  await flow.press({ type: "skip" });
  assert.equal(server.decided[0].note, "blurred");
  assert.ok(!("note" in server.decided[1]));
  await flow.press({ type: "undo" });
  await flow.press({ type: "undo" });
  assert.equal(notes.textOf(0, null), "blurred");
});

test("blind cards count as ranked: nothing waits for a ranking because of them", async () => {
  const { flow, server, trail } = rig({ ranking: { state: "running" } });
  server.blind = true;
  await flow.look();
  assert.equal(trail.current().card.position, 0);
  await flow.press({ type: "digit", index: 0 });
  assert.deepEqual([server.decided[0].run, server.decided[0].p_clean, server.decided[0].suggested], [null, null, null]);
});
