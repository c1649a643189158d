// JSON calls to the reviewer's own routes. An answer that is not 200 becomes an Error with .status
// and, where the server gave a sentence, that sentence.

import { whenLoggedIn } from "./log-in-again.js";
import { backoff } from "./saver.js";

export const DISK = 507; // what the server answers where the disk took nothing
const GONE = "The reviewer does not answer; start it again with python -m reviewer.";
const PATIENCE = 20000; // ms until a call without an answer counts as failed

async function call(fetcher, path, init, signal) {
  const reply = await whenLoggedIn((headers) => {
    const timeout = AbortSignal.timeout(PATIENCE);
    const given = { ...init, headers: { ...init.headers, ...headers }, cache: "no-store" };
    return fetcher(path, { ...given, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  });
  if (reply.status === 200) return reply.json();
  throw await refusal(reply);
}

async function refusal(reply) {
  const body = await reply.json().catch(() => null);
  const said = body?.detail ?? body?.error;
  return Object.assign(new Error(typeof said === "string" ? said : `The reviewer answered ${reply.status}.`), { status: reply.status });
}

async function read(fetcher, path, cache, signal) {
  const reply = await whenLoggedIn((headers) => fetcher(path, { headers, cache, signal }));
  if (!reply.ok) throw await refusal(reply);
  return { buffer: await reply.arrayBuffer(), headers: reply.headers };
}

/** The browser's own words about a call without an answer ("Failed to fetch") tell nobody what to do. */
const told = (answer, signal) => answer.catch((error) => {
  throw error.status || signal?.aborted ? error : new Error(GONE, { cause: error });
});

export function createCalls({ fetcher = (...args) => fetch(...args), signal, wait, onLost = () => {} } = {}) {
  const pause = wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
  const get = (path) => told(call(fetcher, path, {}, signal), signal);
  const post = (path, body) => told(call(fetcher, path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  }, signal), signal);

  /** What is no JSON, however long it takes: {buffer, headers}. */
  const bytes = (path, cache = "no-store") => told(read(fetcher, path, cache, signal), signal);

  /** Repeats `run` until it answers; a 4xx is final and is thrown, and so is a full disk, which a person has to see to. */
  async function until(run) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await run();
        onLost(false);
        return value;
      } catch (error) {
        if (signal?.aborted) throw error;
        if ((error.status >= 400 && error.status < 500) || error.status === DISK) throw error;
        onLost(true);
        await pause(backoff(attempt));
      }
    }
  }

  return { get, post, bytes, until };
}
