import assert from "node:assert/strict";
import { test } from "node:test";
import { createCalls } from "../../assets/web/calls.js";
import { destination, logIn } from "../../assets/web/log-in.js";
import { belongsTo, personHeaders, whenLoggedIn } from "../../assets/web/log-in-again.js";

const origin = "http://127.0.0.1:7861";
const answer = (status, body) => ({ status, json: async () => body });

test("after the log-in comes the page that was asked for, with what was asked for in it", () => {
  const at = (search, hash = "") => destination({ search, hash, origin });
  assert.equal(at(""), "/");
  assert.equal(at("", "#given=cat"), "/#given=cat");
  assert.equal(at("?next=%2Freport.html%3Fa%3Db"), "/report.html?a=b");
});

test("and never a page of somebody else", () => {
  for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "evil", "", "http://[", "/log-in", "/log-out", "/\t/evil.example"]) {
    assert.equal(destination({ search: `?next=${encodeURIComponent(next)}`, hash: "", origin }), "/", next);
  }
});

test("a log-in gives the name, or the server's sentence", async () => {
  const sent = [];
  const fetcher = async (path, init) => { sent.push([path, JSON.parse(init.body)]); return answer(200, { name: "ada" }); };
  assert.equal(await logIn("ada", "secret", fetcher), "ada");
  assert.deepEqual(sent, [["/log-in", { name: "ada", password: "secret" }]]);
  await assert.rejects(logIn("ada", "x", async () => answer(403, { error: "Wrong." })), /^Error: Wrong\.$/);
  await assert.rejects(logIn("ada", "x", async () => answer(500, null)), /answered 500/);
});

test("a call whose session has ended waits for the log-in and is sent again", async () => {
  let inside = false;
  let asked = 0;
  const show = async (sentence) => { asked += 1; assert.equal(sentence, "Log in."); await null; inside = true; };
  const send = async () => (inside ? answer(200, {}) : answer(401, { error: "Log in." }));
  const replies = await Promise.all([whenLoggedIn(send, show), whenLoggedIn(send, show), whenLoggedIn(send, show)]);
  assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200]);
  assert.equal(asked, 1); // one dialog for all of them
});

test("calls say whose page it is", async () => {
  const seen = [];
  const calls = createCalls({ fetcher: async (path, init) => { seen.push(init.headers); return answer(200, {}); } });
  await calls.get("/a");
  belongsTo("josé");
  await calls.post("/b", {});
  belongsTo(null);
  assert.deepEqual(seen, [{}, { "content-type": "application/json", "x-labelsieve-person": "jos%C3%A9" }]);
  assert.deepEqual(personHeaders(), {});
});
