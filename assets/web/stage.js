// What stands in the pane where no card does: which of the screens, from when to when.

import { emptyScreen, errorScreen, loadingScreen, lostScreen, nothingMatchesScreen, rankingScreen, unrankedScreen } from "./screens.js";
import { showTab } from "./page.js";

/**
 * body: where screens stand. flow(), progress(): what they are now. onChange(state) is called before a screen is put there,
 * onRetry() when the person asks for another try at the server, askFor(null) when the filter is to be cleared.
 */
export function createStage({ body, keys, act, askFor, isGone, flow, progress, onChange, onRetry }) {
  let emptyFor = null; // what the empty screen was drawn for, while it is shown
  let waiting = null; // the words of the loading screen, while one is shown
  let ranker = null; // the ranking screen, while it is shown
  let unrankedFor = null;
  let isLost = false;

  function leave() {
    emptyFor = waiting = ranker = unrankedFor = null;
  }

  function put(node, name) {
    if (isGone()) return; // a later mount owns the element
    leave();
    onChange(name);
    body.replaceChildren(node);
  }

  function showWaiting(words) {
    put(isLost ? lostScreen(onRetry) : loadingScreen(words), isLost ? "lost" : "loading");
    waiting = words;
  }

  const onUndo = () => act({ type: "undo" });
  const onClear = () => askFor(null);
  const onRuns = () => showTab("runs");
  const onUnranked = () => flow().look({ unranked: true });

  return {
    leave,
    waiting: (words) => showWaiting(words ?? "Fetching the next cards"),
    isEmpty: () => emptyFor !== null || unrankedFor !== null,
    failed: (sentence, onAgain) => put(errorScreen(sentence, onAgain, flow()?.filter ? onClear : null), "error"),
    /** The server answers no longer, or again; a card that is on screen stays there. */
    lost(value) {
      if (isLost === value) return;
      isLost = value;
      if (waiting !== null) showWaiting(waiting);
    },
    empty() {
      const { filter } = flow();
      const key = JSON.stringify([progress(), filter]);
      if (emptyFor === key) return;
      put(filter ? nothingMatchesScreen(keys, { onUndo, onClear })
        : emptyScreen(progress(), keys, { onUndo, onRuns, onCheck: () => flow().look() }), "empty");
      emptyFor = key;
    },
    ranking: (next) => ranker?.update(next),
    /** There are cards, and no run has ranked them. */
    unranked(ranking) {
      if (ranking.state === "running") {
        if (!ranker) {
          const made = rankingScreen(onUnranked);
          put(made.root, "loading");
          ranker = made;
        }
        return ranker.update(ranking);
      }
      const key = JSON.stringify([ranking.state, ranking.message]);
      if (unrankedFor !== key) put(unrankedScreen(ranking, { onRuns, onUnranked }), "unranked");
      unrankedFor = key;
      return undefined;
    },
  };
}
