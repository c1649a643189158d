// Saving behind the annotator's back: decisions go out in order, one request at a time, and are
// kept in the browser until the server has acknowledged them. Sending twice is safe (client-made
// ids), so whatever is in doubt is sent again. No DOM: the network, clock and storage are given.

export const FIRST_DELAY = 250;
export const LAST_DELAY = 5000;
const BATCH = 50;
const SHOW_AFTER = 300; // ms after a failure until NOT SAVED is shown
const SLOW_AFTER = 2000; // ms without any answer until NOT SAVED is shown
const PREFIX = "labelsieve:unsaved:";

export const backoff = (attempt) => Math.min(LAST_DELAY, FIRST_DELAY * 2 ** Math.max(0, attempt - 1));

function readEntries(storage, key) {
  try {
    const entries = JSON.parse(storage.getItem(key) ?? "[]");
    return Array.isArray(entries) ? entries.filter((entry) => typeof entry?.id === "string") : [];
  } catch {
    return [];
  }
}

/**
 * `post(decisions)` resolves to {saved, refused, progress} or rejects (error.status where there was
 * an answer). `storage` is localStorage-like or null. `tab` tells two tabs' mirrors apart.
 */
export function createSaver({
  post, storage, workspaceId, tab, uuid,
  setTimer = (run, ms) => setTimeout(run, ms), clearTimer = (id) => clearTimeout(id),
  onChange = () => {}, onReply = () => {}, onRefused = () => {},
}) {
  let entries = [];
  let inFlight = false;
  let attempts = 0;
  let problem = null; // null | {status: number|null, sentence}
  let shown = false; // NOT SAVED is on screen
  let stopped = false;
  let retryTimer = null;
  let showTimer = null;
  let waiters = [];
  const ours = `${PREFIX}${workspaceId}:${tab}`;
  const adopted = new Map(); // another tab's key → ids still unsaved there

  function mirror() {
    try {
      if (entries.length) storage?.setItem(ours, JSON.stringify(entries));
      else storage?.removeItem(ours);
    } catch {
      // A full or forbidden storage loses only the safety net; memory still holds the entries.
    }
  }

  function forgetAdopted(ids) {
    for (const [key, theirs] of adopted) {
      if (![...ids].some((id) => theirs.delete(id))) continue;
      // That tab may be alive and have added more: only what was acknowledged is taken out.
      const left = readEntries(storage, key).filter((entry) => !ids.has(entry.id));
      if (left.length) storage.setItem(key, JSON.stringify(left));
      else storage.removeItem(key);
      if (!theirs.size) adopted.delete(key);
    }
  }

  function settle(ids) {
    entries = entries.filter((entry) => !ids.has(entry.id));
    mirror();
    if (adopted.size) forgetAdopted(ids);
  }

  function showLater(ms) {
    showTimer ??= setTimer(() => {
      showTimer = null;
      if (!entries.length || stopped) return;
      shown = true;
      onChange(state());
    }, ms);
  }

  function hide() {
    if (showTimer !== null) clearTimer(showTimer);
    showTimer = null;
    shown = false;
  }

  function state() {
    return { unsaved: entries.length, failing: problem !== null, notSaved: shown, status: problem?.status ?? null, sentence: problem?.sentence ?? "" };
  }

  function retryIn(ms) {
    retryTimer = setTimer(() => {
      retryTimer = null;
      send();
    }, ms);
  }

  async function send() {
    if (stopped || inFlight || retryTimer !== null || !entries.length) return;
    inFlight = true;
    const batch = entries.slice(0, BATCH);
    const slow = setTimer(() => showLater(0), SLOW_AFTER);
    let settled = 0;
    try {
      const reply = await post(batch);
      const sent = new Map(batch.map((entry) => [entry.id, entry]));
      const refused = (reply.refused ?? []).filter(({ id }) => sent.has(id));
      const ids = new Set([...(reply.saved ?? []), ...refused.map(({ id }) => id)].filter((id) => sent.has(id)));
      settled = ids.size;
      if (!settled) throw Object.assign(new Error("no decision was acknowledged"), { status: 200 });
      settle(ids);
      attempts = 0;
      problem = null;
      for (const { id, error } of refused) onRefused(sent.get(id), String(error));
      onReply(reply);
    } catch (error) {
      if (!settled) {
        attempts += 1;
        problem = { status: error?.status ?? null, sentence: error?.status ? error.message : "" };
        showLater(SHOW_AFTER);
        if (!stopped) retryIn(backoff(attempts));
      } else console.error(error);
    }
    clearTimer(slow);
    inFlight = false;
    if (!entries.length) hide();
    if (!stopped) onChange(state());
    for (const done of waiters.splice(0)) done();
    send();
  }

  return {
    state,
    /** Positions whose decision the server may not know yet. */
    positions: () => entries.map((entry) => entry.position),
    /** Queues a decision (it gets an id) and returns the id. */
    add(decision) {
      const entry = { id: uuid(), ...decision };
      entries.push(entry);
      mirror();
      onChange(state());
      send();
      return entry.id;
    },
    /** Takes over what earlier tabs of this workspace left unsaved; returns how many. */
    replay() {
      const known = new Set(entries.map((entry) => entry.id));
      const found = [];
      const keys = Array.from({ length: storage?.length ?? 0 }, (_, i) => storage.key(i));
      for (const key of keys.filter((name) => name?.startsWith(`${PREFIX}${workspaceId}:`) && name !== ours)) {
        const left = readEntries(storage, key);
        if (left.length) adopted.set(key, new Set(left.map((entry) => entry.id)));
        for (const entry of left) if (!known.has(entry.id)) found.push(known.add(entry.id) && entry);
      }
      entries = [...found, ...entries];
      if (found.length) {
        mirror();
        onChange(state());
        send();
      }
      return found.length;
    },
    /** Resolves after the next answer or failure; at once where nothing is unsaved. */
    settled: () => (entries.length ? new Promise((done) => waiters.push(done)) : Promise.resolve()),
    /** Tries again at once (the browser is online again, the person asked). */
    retry() {
      if (retryTimer === null) return;
      clearTimer(retryTimer);
      retryTimer = null;
      send();
    },
    /** Stops timers; what is unsaved stays in storage for the next mount. */
    stop() {
      stopped = true;
      hide();
      if (retryTimer !== null) clearTimer(retryTimer);
      retryTimer = null;
    },
  };
}
