// JSON calls to the reviewer's own routes. An answer that is not 200 becomes an Error with .status
// and, where the server gave a sentence, that sentence.

import { backoff } from "./saver.js";

const PATIENCE = 20000; // ms until a call without an answer counts as failed

async function call(fetcher, path, init, signal) {
  const timeout = AbortSignal.timeout(PATIENCE);
  const reply = await fetcher(path, { ...init, cache: "no-store", signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  if (reply.status === 200) return reply.json();
  const body = await reply.json().catch(() => null);
  const said = body?.detail ?? body?.error;
  throw Object.assign(new Error(typeof said === "string" ? said : `The reviewer answered ${reply.status}.`), { status: reply.status });
}

export function createCalls({ fetcher = (...args) => fetch(...args), signal, wait, onLost = () => {} } = {}) {
  const pause = wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
  const get = (path) => call(fetcher, path, {}, signal);
  const post = (path, body) => call(fetcher, path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  }, signal);

  /** Repeats `run` until it answers; a 4xx is final and is thrown. */
  async function until(run) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await run();
        onLost(false);
        return value;
      } catch (error) {
        if (signal?.aborted) throw error;
        if (error.status >= 400 && error.status < 500) throw error;
        onLost(true);
        await pause(backoff(attempt));
      }
    }
  }

  return { get, post, until };
}
