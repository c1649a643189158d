import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, createSaver } from "../../assets/web/saver.js";

const tick = () => new Promise((done) => setImmediate(done));

function memoryStorage(initial = {}) {
  const map = new Map(Object.entries(initial));
  return {
    get length() { return map.size; },
    key: (i) => [...map.keys()][i],
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => map.set(key, String(value)),
    removeItem: (key) => map.delete(key),
    map,
  };
}

/** A saver with a clock that the test turns, and a server whose answers the test gives. */
function rig({ storage = memoryStorage(), tab = "t1", server } = {}) {
  let clock = 0;
  let timers = [];
  let number = 0;
  const posts = [];
  const seen = { refused: [], replies: [] };
  const saver = createSaver({
    post: (decisions) => { posts.push(decisions); return server(decisions, posts.length); },
    storage, workspaceId: "w", tab, uuid: () => `${tab}-${(number += 1)}`,
    setTimer: (run, ms) => { const timer = { at: clock + ms, run }; timers.push(timer); return timer; },
    clearTimer: (timer) => { timers = timers.filter((other) => other !== timer); },
    onRefused: (entry, error) => seen.refused.push([entry.id, error]),
    onReply: (reply) => seen.replies.push(reply),
  });
  const pass = async (ms) => {
    const end = clock + ms;
    for (;;) {
      await tick();
      const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      clock = next.at;
      timers = timers.filter((timer) => timer !== next);
      next.run();
    }
    clock = end;
    await tick();
  };
  return { saver, posts, seen, pass, storage, timers: () => timers };
}

const accept = (decisions) => Promise.resolve({ saved: decisions.map(({ id }) => id), refused: [] });
const ids = (posts) => posts.map((batch) => batch.map(({ id }) => id));

test("the delays grow from a quarter of a second to five seconds", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 50].map(backoff), [250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test("a decision is sent at once and forgotten once acknowledged", async () => {
  const { saver, posts, pass, storage, timers } = rig({ server: accept });
  const id = saver.add({ position: 4 });
  assert.equal(saver.state().unsaved, 1);
  assert.deepEqual(saver.positions(), [4]);
  assert.equal(storage.map.size, 1);
  await pass(0);
  assert.deepEqual(ids(posts), [[id]]);
  assert.deepEqual(saver.state(), { unsaved: 0, failing: false, notSaved: false, status: null, sentence: "" });
  assert.equal(storage.map.size, 0);
  assert.equal(timers().length, 0, "no timer is left");
});

test("one request at a time, in order", async () => {
  const answers = [];
  const { saver, posts, pass } = rig({ server: (batch) => new Promise((done) => answers.push(() => done({ saved: batch.map(({ id }) => id), refused: [] }))) });
  for (const position of [1, 2, 3]) saver.add({ position });
  await pass(0);
  assert.deepEqual(ids(posts), [["t1-1"]]);
  saver.add({ position: 4 });
  answers[0]();
  await pass(0);
  assert.deepEqual(ids(posts), [["t1-1"], ["t1-2", "t1-3", "t1-4"]]);
});

test("a failure is retried with the same ids, before anything newer", async () => {
  const { saver, posts, pass } = rig({ server: (batch, n) => (n <= 2 ? Promise.reject(Object.assign(new Error(), { status: 500 })) : accept(batch)) });
  saver.add({ position: 1 });
  await pass(10);
  saver.add({ position: 2 });
  await pass(200);
  assert.equal(posts.length, 1, "a new decision does not jump the pause");
  assert.deepEqual(saver.state().status, 500);
  await pass(2000);
  assert.deepEqual(ids(posts), [["t1-1"], ["t1-1", "t1-2"], ["t1-1", "t1-2"]]);
  assert.equal(saver.state().unsaved, 0);
});

test("NOT SAVED shows 300 ms after a failure and goes when all is saved", async () => {
  let down = true;
  const { saver, pass } = rig({ server: (batch) => (down ? Promise.reject(new TypeError("network")) : accept(batch)) });
  saver.add({ position: 1 });
  await pass(200);
  assert.deepEqual(saver.state(), { unsaved: 1, failing: true, notSaved: false, status: null, sentence: "" });
  await pass(200);
  assert.ok(saver.state().notSaved);
  down = false;
  await pass(6000);
  assert.deepEqual(saver.state(), { unsaved: 0, failing: false, notSaved: false, status: null, sentence: "" });
});

test("what the server says of a full disk stays with NOT SAVED until it takes the same decisions", async () => {
  const full = Object.assign(new Error("The disk is full; free some space."), { status: 507 });
  let room = false;
  const { saver, posts, pass, storage } = rig({ server: (batch) => (room ? accept(batch) : Promise.reject(full)) });
  saver.add({ position: 1 });
  await pass(1000);
  const { notSaved, status, sentence } = saver.state();
  assert.deepEqual([notSaved, status, sentence], [true, 507, "The disk is full; free some space."]);
  assert.equal(storage.map.size, 1, "kept in the browser");
  room = true;
  saver.retry();
  await pass(0);
  assert.deepEqual(saver.state(), { unsaved: 0, failing: false, notSaved: false, status: null, sentence: "" });
  assert.deepEqual(new Set(ids(posts).flat()), new Set(["t1-1"]));
});

test("a server that never answers is shown as NOT SAVED too", async () => {
  const { saver, pass } = rig({ server: () => new Promise(() => {}) });
  saver.add({ position: 1 });
  await pass(2500);
  assert.ok(saver.state().notSaved);
});

test("what the server does not name stays and is sent again", async () => {
  const { saver, posts, pass } = rig({ server: (batch, n) => (n === 2 ? Promise.resolve({ saved: [batch[0].id], refused: [] }) : n === 1 ? Promise.resolve({ saved: ["foreign"], refused: [] }) : accept(batch)) });
  saver.add({ position: 1 });
  saver.add({ position: 2 });
  await pass(1000);
  assert.deepEqual(ids(posts), [["t1-1"], ["t1-1", "t1-2"], ["t1-2"]]);
  assert.equal(saver.state().unsaved, 0);
});

test("an answer lost after recording leads to a duplicate with the same id, never a new one", async () => {
  const recorded = new Map();
  const { saver, pass } = rig({ server: (batch, n) => {
    for (const entry of batch) recorded.set(entry.id, (recorded.get(entry.id) ?? 0) + 1);
    return n === 1 ? Promise.reject(new TypeError("reset")) : accept(batch);
  } });
  saver.add({ position: 1 });
  await pass(1000);
  assert.deepEqual([...recorded], [["t1-1", 2]]);
});

test("a refused decision leaves the queue with its sentence, the others are saved", async () => {
  const { saver, seen, pass, storage } = rig({ server: (batch) => Promise.resolve({
    saved: batch.filter(({ position }) => position !== 2).map(({ id }) => id),
    refused: batch.filter(({ position }) => position === 2).map(({ id }) => ({ id, error: "No such class." })),
  }) });
  for (const position of [1, 2, 3]) saver.add({ position });
  await pass(0);
  assert.deepEqual(seen.refused, [["t1-2", "No such class."]]);
  assert.equal(saver.state().unsaved, 0);
  assert.equal(storage.map.size, 0);
});

test("what an earlier page left unsaved is sent first, once, and then forgotten", async () => {
  const storage = memoryStorage();
  const before = rig({ storage, tab: "old", server: () => new Promise(() => {}) });
  before.saver.add({ position: 1 });
  before.saver.add({ position: 2 });
  before.saver.stop();
  const after = rig({ storage, tab: "new", server: accept });
  after.saver.add({ position: 3 });
  assert.equal(after.saver.replay(), 2);
  assert.equal(after.saver.replay(), 0, "a second replay finds nothing new");
  await after.pass(0);
  assert.deepEqual([...new Set(ids(after.posts).flat())].sort(), ["new-1", "old-1", "old-2"]);
  assert.equal(storage.map.size, 0);
});

test("replay takes only acknowledged decisions out of a living tab's mirror", async () => {
  const storage = memoryStorage({ "labelsieve:unsaved:w:other": JSON.stringify([{ id: "o1", position: 1 }]) });
  const { saver, pass } = rig({ storage, server: accept });
  saver.replay();
  storage.setItem("labelsieve:unsaved:w:other", JSON.stringify([{ id: "o1", position: 1 }, { id: "o2", position: 2 }]));
  await pass(0);
  assert.deepEqual(JSON.parse(storage.getItem("labelsieve:unsaved:w:other")).map(({ id }) => id), ["o2"]);
});

test("other workspaces and broken entries are left alone", async () => {
  const storage = memoryStorage({ "labelsieve:unsaved:elsewhere:x": '[{"id":"e"}]', "labelsieve:unsaved:w:bad": "{oops", unrelated: "1" });
  const { saver, posts, pass } = rig({ storage, server: accept });
  assert.equal(saver.replay(), 0);
  await pass(0);
  assert.equal(posts.length, 0);
  assert.ok(storage.getItem("labelsieve:unsaved:elsewhere:x") && storage.getItem("unrelated"));
});

test("a storage that throws costs the safety net only", async () => {
  const broken = { get length() { return 0; }, key: () => null, getItem() { throw new Error(); }, setItem() { throw new Error("full"); }, removeItem() { throw new Error(); } };
  const { saver, pass } = rig({ storage: broken, server: accept });
  saver.add({ position: 1 });
  await pass(0);
  assert.equal(saver.state().unsaved, 0);
});

test("settled resolves after an answer and after a failure; retry does not wait", async () => {
  let down = true;
  const { saver, posts, pass } = rig({ server: (batch) => (down ? Promise.reject(new Error()) : accept(batch)) });
  await saver.settled();
  saver.add({ position: 1 });
  await saver.settled();
  assert.ok(saver.state().failing);
  down = false;
  saver.retry();
  await pass(0);
  assert.equal(posts.length, 2);
  assert.equal(saver.state().unsaved, 0);
});

test("after stop nothing is sent and the mirror stays", async () => {
  const { saver, posts, pass, storage } = rig({ server: () => Promise.reject(new Error()) });
  saver.add({ position: 1 });
  await pass(0);
  saver.stop();
  await pass(10000);
  assert.equal(posts.length, 1);
  assert.equal(storage.map.size, 1);
});
