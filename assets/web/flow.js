// What happens, in which order. Every action goes through one queue: the next is looked at only
// when the card that it means is on screen, so keys are neither lost nor applied to a wrong card.
// No DOM: the view, the network and the clock are given.

import { rowsOf } from "./card-rows.js";
import { RESERVE } from "./trail.js";

const REACTION = 400; // ms that a person needs to see that an undo was not done
const STALL = 3000; // ms into a stall after which a key can no longer have been meant for the next card

/** The outcome of an action on a card: {outcome, labels} or {hint}. */
export function choiceOf(card, action, classes) {
  const label = (name) => (name === card.given.name ? { outcome: "keep", labels: [] } : { outcome: "relabel", labels: [name] });
  switch (action.type) {
    case "keep": return { outcome: "keep", labels: [] };
    case "suggestion": return card.suggested ? label(card.suggested.name)
      : { hint: card.blind ? card.screen === "second" ? "A second opinion has no suggestion: judge the image alone." : "An audit card has no suggestion: judge the image alone." : "There is no suggestion for this card." };
    case "digit": {
      const row = rowsOf(card, classes)[action.index];
      return row ? label(row.name) : { hint: `There is no class at ${(action.index + 1) % 10}.` };
    }
    case "label": return label(action.names[0]);
    case "labels": return { outcome: "ambiguous", labels: action.names };
    default: return { outcome: action.type, labels: [] };
  }
}

const NO_NOTES = { take: () => null, restore() {} };

/** `notes`: what is written on cards before they are decided (see note.js). */
export function createFlow({ session, trail, saver, calls, images, view, uuid, now, notes = NO_NOTES, tab = "" }) {
  const { classes, annotator } = session;
  let version = session.ranking?.version ?? 0;
  let ranking = session.ranking;
  let unrankedWanted = false;
  let actions = [];
  let busy = false;
  let stalledAt = null;
  let shownAt = 0;
  let refilling = null;
  let refusal = null; // {at, sentence} of an undo or redo that could not be done
  let fault = null;
  let onScreen = null;
  let filter = ""; // a query string: what the queue holds

  // ---- cards in advance ------------------------------------------------------------------------
  const hear = (reply) => {
    if (reply.progress) view.progress(reply.progress);
    if (!reply.ranking) return;
    ranking = reply.ranking;
    view.ranking(ranking);
    if (ranking.version !== version) trail.drop(RESERVE);
    version = ranking.version;
  };

  async function fetchCards() {
    for (;;) {
      const asked = trail.needs();
      if (!asked) return;
      const [ranked, filtered] = [version, filter];
      const held = trail.held(saver.positions());
      const reply = await calls.until(() => calls.get(`/api/cards?count=${asked}&held=${held.join(",")}${tab && `&tab=${tab}`}${filter && `&${filter}`}`));
      hear(reply);
      // Another ranking: what was held back may be more suspicious now. Another filter: these are not wanted.
      if (version !== ranked || filter !== filtered) continue;
      fault = null;
      const unranked = reply.cards[0] && reply.cards[0].p_clean === null && !reply.cards[0].blind;
      if (unranked && ranking.state !== "ready" && !unrankedWanted && !trail.current()) return;
      trail.add(reply.cards, reply.cards.length < asked);
      images.keep(trail.near());
      return;
    }
  }

  const refill = () => {
    if (!trail.needs()) return refilling;
    refilling ??= fetchCards().catch((error) => { fault = error; }).finally(() => { refilling = null; });
    return refilling;
  };

  // ---- what is on screen -----------------------------------------------------------------------
  function reveal(entry, item) {
    onScreen = entry;
    view.card(entry, item, { isLast: entry.decision !== null && entry.decision.id === trail.last });
    shownAt = now();
    images.keep(trail.near());
    refill();
  }

  /** Shows the current card; returns a promise only where something has to be waited for. */
  function show() {
    const entry = trail.current();
    if (!entry) return arrive();
    const item = images.load(entry.card);
    reveal(entry, item);
    if (item.ready) return undefined;
    return item.promise.then(() => {
      if (trail.current() === entry) view.picture(item);
      shownAt = now();
    });
  }

  async function arrive() {
    onScreen = null;
    trail.reopen(); // asks once more before it says that the queue is empty
    if (!view.isEmpty()) view.waiting();
    await refilling;
    if (!trail.current()) await refill();
    if (trail.current()) return show();
    if (trail.ended) view.empty();
    else if (fault) view.failed(fault.message);
    else view.unranked(ranking);
    const kept = actions.findIndex(({ type }) => ["undo", "redo", "back", "look", "open"].includes(type));
    actions = kept < 0 ? [] : actions.slice(kept); // keys pressed for cards that do not exist
    return undefined;
  }

  // ---- actions ---------------------------------------------------------------------------------
  function decide(action) {
    const entry = trail.current();
    if (!entry) return undefined;
    const { card } = entry;
    const choice = choiceOf(card, action, classes);
    if (choice.hint) return void view.hint(choice.hint);
    const note = notes.take(card.position, entry.decision);
    const id = saver.add({
      position: card.position, sample_id: card.sample_id, outcome: choice.outcome, labels: choice.labels,
      seconds: Math.round(now() - shownAt) / 1000, run: card.run ?? null, p_clean: card.p_clean ?? null, suggested: card.suggested?.name ?? null,
      ...(note && { note }), ...(card.blind && { blind: true }), ...(card.screen && { screen: card.screen }),
    });
    const decision = { id, ...choice, note, annotator, decided_at: null };
    trail.decide(decision);
    view.decided(card, decision);
    const shown = show();
    const painted = () => view.painted({ key_time: action.at, position: card.position, next: trail.current()?.card.position ?? null });
    if (shown) return shown.then(painted);
    painted();
    return undefined;
  }

  function move(type) {
    if (type === "back" ? trail.back() : trail.current()) {
      if (type === "forward") trail.forward();
      return show();
    }
    return void view.hint(type === "back" ? "This is the first card." : "There is no further card.");
  }

  async function revise(kind) {
    const refuse = (sentence) => {
      actions = [];
      refusal = { at: now(), sentence };
      view.hint(sentence);
    };
    const offline = "Undo and redo need the reviewer; it does not answer now.";
    if (saver.state().failing) return refuse(offline);
    while (saver.state().unsaved) {
      await saver.settled();
      if (saver.state().failing) return refuse(offline);
    }
    const id = uuid();
    const reply = await calls.until(() => calls.post(`/api/${kind}`, { id }));
    hear(reply);
    const decision = kind === "undo" ? reply.undone : reply.redone;
    if (!decision || !reply.card) return refuse(decision ? "Done; that sample is not in this queue." : `There is nothing to ${kind}.`);
    if (kind === "undo") {
      notes.restore(decision.position, decision.note);
      trail.undone(reply.card);
    } else trail.redone(reply.card);
    view.revised(kind, decision);
    return show();
  }

  async function open(position) {
    trail.opened(await calls.until(() => calls.get(`/api/card/${position}`)));
    return show();
  }

  function choose(action) {
    const entry = trail.current();
    if (!entry) return;
    const multi = action.type === "ambiguous";
    const { card } = entry;
    view.pick({
      classes, multi, given: card.given.name, likeliest: rowsOf(card, classes).map((row) => row.name),
      onChoose: (names) => press({ type: multi ? "labels" : "label", names, position: card.position }),
    });
    const typed = actions.filter((next) => next.type === "typed");
    actions = actions.filter((next) => next.type !== "typed");
    for (const { key } of typed) view.feed(key);
  }

  function perform(action) {
    switch (action.type) {
      case "undo":
      case "redo": return revise(action.type);
      case "back":
      case "forward": return move(action.type);
      case "open": return open(action.position);
      case "look": return trail.current() && trail.current() === onScreen ? undefined : show();
      case "search":
      case "ambiguous": return choose(action);
      case "typed": return undefined;
      case "label":
      case "labels": return trail.current()?.card.position === action.position ? decide(action) : undefined;
      default: return decide(action);
    }
  }

  async function pump() {
    if (busy) return;
    busy = true;
    while (actions.length) {
      try {
        const waiting = perform(actions.shift());
        if (!waiting) continue;
        stalledAt = now();
        await waiting;
      } catch (error) {
        view.trouble(error);
        actions = [];
      } finally {
        stalledAt = null;
      }
    }
    busy = false;
  }

  function press(action) {
    if (action.type === "look") return enqueue(action);
    if (stalledAt !== null && now() - stalledAt > STALL) return view.hint("Still waiting for the next card: that key was not counted.");
    if (refusal && now() - refusal.at < REACTION) return view.hint(`${refusal.sentence} The key after it was not counted.`);
    refusal = null;
    return enqueue(action);
  }

  function enqueue(action) {
    actions.push({ at: now(), ...action });
    return pump();
  }

  return {
    press,
    /** True while a picker is about to open: what is typed now belongs into it. */
    get opensPicker() { return actions.some(({ type }) => type === "search" || type === "ambiguous"); },
    hear,
    refill,
    /** Looks for cards where none is on screen; keys wait meanwhile. */
    look({ unranked = unrankedWanted } = {}) {
      unrankedWanted = unranked;
      if (stalledAt !== null) return undefined; // already waiting for one
      return onScreen && trail.current() === onScreen ? undefined : press({ type: "look" });
    },
    get ranking() { return ranking; },
    get filter() { return filter; },
    /** Forgets the cards that wait: somebody decided about them elsewhere on the page. */
    forget() {
      trail.drop(0);
      refill();
    },
    /** What the queue holds from now on, as a query string; the card on screen stays where it is. */
    setFilter(query) {
      if (query === filter) return undefined;
      filter = query;
      trail.refilter();
      return trail.current() ? refill() : this.look();
    },
  };
}
