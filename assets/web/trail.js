// The trail: every card that was shown, the card on screen (the pointer), and the prefetched cards
// that follow. Pure bookkeeping: no DOM, no network, no clock.

export const PREFETCH = 12;
const BATCH = 4; // fewer cards than that are not worth a request
export const RESERVE = 5; // prefetched cards that a new ranking leaves alone: what a fast hand needs meanwhile
const KEPT_BEHIND = 200;

export function createTrail() {
  let entries = []; // {card, decision, filter}: decision null = undecided; filter: the one that it came under
  let filter = 0; // the number of the filter that the queue has now
  let pointer = 0; // index on screen; entries.length = waiting for a card, or the queue is empty
  let seen = 0; // entries before this index have been on screen
  let ended = false; // the server had fewer cards than asked for
  let last = null; // id of the newest decision made in this trail

  const indexOf = (position) => entries.findIndex((entry) => entry.card.position === position);
  const open = (entry) => entry.decision === null;
  /** Whether a card is still to come: one that was passed over under another filter may not be wanted. */
  const waits = (entry) => open(entry) && entry.filter === filter;

  function visit(index) {
    pointer = index;
    if (pointer < entries.length) seen = Math.max(seen, pointer + 1);
    while (pointer > KEPT_BEHIND && !open(entries[0])) {
      entries.shift();
      pointer -= 1;
      seen -= 1;
    }
    return current();
  }

  function current() {
    return entries[pointer] ?? null;
  }

  /** To the next undecided card; at the end of the queue back to one that was passed over. */
  function advance(from = pointer) {
    for (let i = from + 1; i < entries.length; i += 1) if (waits(entries[i])) return visit(i);
    if (ended) {
      const passed = entries.findIndex(waits);
      if (passed >= 0) return visit(passed);
    }
    return visit(entries.length);
  }

  /** Appends cards from the queue; returns how many were new. */
  function add(cards, isEnd) {
    let added = 0;
    for (const card of cards) {
      const at = indexOf(card.position);
      if (at >= 0) {
        // The server offers skipped cards again at the end, and those that were passed over under another
        // filter; anything else would be shown twice.
        const known = entries[at];
        const again = known.decision?.outcome === "skip" || (open(known) && !waits(known));
        if (!again || at === pointer) continue;
        entries.splice(at, 1);
        if (at < pointer) pointer -= 1;
        if (at < seen) seen -= 1;
      }
      entries.push({ card, decision: null, filter });
      added += 1;
    }
    ended = isEnd || (cards.length > 0 && added === 0);
    if (current()) visit(pointer);
    else if (ended) advance(entries.length);
    return added;
  }

  function insertHere(entry) {
    entries.splice(pointer, 0, entry);
    if (pointer < seen) seen += 1;
  }

  /** Brings a card (fresh from the server) on screen: where it was, or just before the one shown. */
  function place(card, decision) {
    let at = indexOf(card.position);
    if (at >= seen) {
      entries.splice(at, 1); // it was only prefetched
      if (at < pointer) pointer -= 1;
      at = -1;
    }
    const entry = { card, decision, filter };
    if (at >= 0) entries[at] = entry;
    else insertHere(entry);
    return visit(at >= 0 ? at : pointer);
  }

  return {
    current,
    add,
    advance,
    get ended() { return ended; },
    get last() { return last; },
    reopen() { ended = false; },
    find: (position) => entries[indexOf(position)] ?? null,
    /** The prefetched cards, next first. */
    ahead: () => entries.slice(Math.max(seen, pointer + 1)).map((entry) => entry.card),
    /** Cards around the pointer whose pixels should be at hand: the next ones, then some behind. */
    near: (behind = 3) => [
      ...entries.slice(pointer, pointer + 1 + PREFETCH),
      ...entries.slice(Math.max(0, pointer - behind), pointer).reverse(),
    ].map((entry) => entry.card),
    /** How many cards to ask for now. */
    needs() {
      const ahead = Math.max(0, entries.length - Math.max(seen, pointer + 1));
      return ended || ahead > PREFETCH - BATCH ? 0 : PREFETCH - ahead;
    },
    /** Positions that the queue must not hand out again. */
    held: (unsaved = []) => [
      ...new Set([...entries.filter(waits).map((entry) => entry.card.position), ...unsaved]),
    ],
    /** Records a decision for the card on screen and moves on; returns the next entry or null. */
    decide(decision) {
      entries[pointer].decision = decision;
      last = decision.id;
      return advance();
    },
    back: () => (pointer > 0 ? visit(pointer - 1) : null),
    forward() {
      if (pointer >= entries.length) return null;
      return visit(pointer + 1);
    },
    undone: (card) => place(card, card.decision ?? null),
    /** A card that was asked for by its position; a decision may be here that the server has not heard of. */
    opened: (card) => place(card, entries[indexOf(card.position)]?.decision ?? card.decision ?? null),
    /** A decision that came back: its card is decided again and the trail moves on from it. */
    redone(card) {
      place(card, card.decision ?? null);
      last = card.decision?.id ?? last;
      return advance();
    },
    /** The server refused a decision: its card is open again and comes next. True if still here. */
    refused(position, id) {
      const at = indexOf(position);
      if (at < 0 || entries[at].decision?.id !== id) return false;
      const entry = entries[at];
      entry.decision = null;
      entry.filter = filter;
      if (at === pointer) return true;
      entries.splice(at, 1);
      if (at < pointer) pointer -= 1;
      if (at < seen) seen -= 1;
      entries.splice(seen, 0, entry);
      if (pointer === seen) visit(pointer);
      return true;
    },
    /** After a new ranking: forgets prefetched cards beyond the next `keep`; nothing shown moves. */
    drop(keep = 2) {
      const first = Math.max(seen, Math.min(pointer + 1, entries.length));
      entries = entries.slice(0, first + keep);
      ended = false;
    },
    /** The queue holds something else from now on: only the card on screen stays, and what is decided. */
    refilter() {
      filter += 1;
      if (current()) entries[pointer].filter = filter;
      this.drop(0);
    },
  };
}
