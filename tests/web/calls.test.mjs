import assert from "node:assert/strict";
import test from "node:test";

import { createCalls } from "../../assets/web/calls.js";

const answer = (status, body, headers = {}) => ({
  ok: status === 200, status, headers: new Headers(headers), json: async () => body, arrayBuffer: async () => new Uint8Array(body).buffer,
});

function rig(...answers) {
  const asked = [];
  const lost = [];
  const fetcher = async (path, init) => {
    asked.push([path, init]);
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  return { asked, lost, calls: createCalls({ fetcher, wait: async () => {}, onLost: (value) => lost.push(value) }) };
}

test("a call without an answer is told in words that help, and tried again until there is one", async () => {
  const { calls } = rig(new TypeError("Failed to fetch"));
  await assert.rejects(calls.get("/api/session"), (error) => error.status === undefined && /start it again with python -m reviewer/.test(error.message));
  const again = rig(new TypeError("Failed to fetch"), answer(500, null), answer(200, { ok: 1 }));
  assert.deepEqual(await again.calls.until(() => again.calls.get("/x")), { ok: 1 });
  assert.deepEqual(again.lost, [true, true, false]);
});

test("what a person has to see to is not tried again: a refusal, a full disk", async () => {
  for (const [status, sentence] of [[400, "There is no class fox."], [507, "The disk is full; free some space."]]) {
    const { calls, asked, lost } = rig(answer(status, { error: sentence }));
    await assert.rejects(calls.until(() => calls.post("/api/undo", {})), { message: sentence, status });
    assert.deepEqual([asked.length, lost], [1, []]);
  }
});

test("bytes come with their headers, and a refusal with its sentence", async () => {
  const { calls, asked } = rig(answer(200, [1, 2, 3], { "X-Total": "9" }), answer(200, []), answer(400, { error: "No." }), new TypeError("x"));
  const { buffer, headers } = await calls.bytes("/api/positions?");
  assert.deepEqual([buffer.byteLength, headers.get("X-Total")], [3, "9"]);
  await calls.bytes("/map/points", "default");
  assert.deepEqual(asked.map(([, { cache }]) => cache), ["no-store", "default"]);
  await assert.rejects(calls.bytes("/x"), { message: "No.", status: 400 });
  await assert.rejects(calls.bytes("/x"), /does not answer/);
});
