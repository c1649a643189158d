// Acts on many samples: one at a time, each with an id of its own, kept until the server has answered. Sending an
// act again is harmless, so a failure ends in NOT SAVED and another try, never in doubt. No DOM, no clock.

const REMEMBERED = 200; // acts whose samples are known when an undo comes back

/**
 * `post(path, body)` resolves to the answer or rejects (error.status where there was one). `onChange(state)` is called
 * with {busy, notSaved: null | {act, status, sentence}}.
 */
export function createActs({ post, uuid, onChange = () => {} }) {
  let pending = null; // the act that the server may not have
  let busy = false;
  let problem = null;
  const history = []; // acts that are saved, oldest first

  const state = () => ({ busy, notSaved: problem && { act: pending, ...problem } });

  async function guarded(run) {
    busy = true;
    onChange(state());
    try {
      return await run();
    } finally {
      busy = false;
      onChange(state());
    }
  }

  /** Sends what is pending; {act (what was taken of it), refused, progress}, {act, error} for a refusal, or null where it is not saved. */
  const send = () => guarded(async () => {
    const act = pending;
    try {
      const reply = await post("/api/acts", act);
      pending = problem = null;
      const not = new Set((reply.refused ?? []).map(({ position }) => position));
      history.push({ ...act, positions: act.positions.filter((position) => !not.has(position)) });
      if (history.length > REMEMBERED) history.shift();
      return { act: history.at(-1), refused: reply.refused ?? [], progress: reply.progress };
    } catch (error) {
      if (error.status >= 400 && error.status < 500) {
        pending = problem = null; // it will never be taken: the person has to decide anew
        return { act, error: error.message };
      }
      problem = { status: error.status ?? null, sentence: error.status ? error.message : "" };
      return null;
    }
  });

  async function turn(path) {
    const id = uuid();
    return guarded(async () => {
      try {
        return await post(path, { id });
      } catch (error) {
        if (error.status >= 400) throw error;
        return post(path, { id }); // the answer was lost, perhaps; the id makes it one undo all the same
      }
    });
  }

  return {
    state,
    get free() { return !busy && pending === null; },
    /** {outcome, labels, positions} → what `send` returns. */
    act({ outcome, labels, positions }) {
      pending = { id: uuid(), outcome, labels, positions };
      return send();
    },
    /** Sends the act that is not saved once more. */
    again: () => (pending && !busy ? send() : Promise.resolve(null)),
    undo: () => turn("/api/undo"),
    redo: () => turn("/api/redo"),
    /** The newest act of this page that decided the sample at `position`; undefined where none did. */
    actOf: (position) => history.findLast((act) => act.positions.includes(position)),
  };
}
