// What the review's queue is restricted to: it stands in the address, the bar in the strip shows and changes it.

import { createFilterBar, formatFilter, parseFilter } from "./filters.js";

const UNSEEN = 1500; // ms that a review which nobody sees waits before it fetches other cards: first what is seen

/**
 * The bar of the review, which is `element`; `root` goes into the strip. `start(flow, classes)` takes up the filter of the
 * address, and follows it from then on until `signal` aborts. A "labelsieve:filter" event adds its detail to the filter; null: none.
 */
export function createQueueFilter(calls, element, signal) {
  const goTo = (filter) => { window.location.hash = formatFilter(filter); };
  const bar = createFilterBar({ onChange: goTo });
  let flow = null;
  let waiting = null;
  const isSeen = () => element.checkVisibility();

  /** What there is to choose from; it changes with runs, people and selections. */
  async function learn() {
    try {
      bar.offer(await calls.get("/api/filters"));
    } catch {
      // The strip says already that the server does not answer; classes and outcomes can be chosen without it.
    }
  }

  function follow() {
    clearTimeout(waiting);
    waiting = null;
    const filter = parseFilter(window.location.hash);
    bar.show(filter);
    if (filter.selection || filter.run || filter.reason || filter.kind) learn(); // for their names
    flow?.setFilter(formatFilter(filter));
  }

  bar.root.addEventListener("click", () => { if (bar.isOpen) learn(); }, { signal });
  window.addEventListener("hashchange", () => {
    if (isSeen()) return void follow();
    clearTimeout(waiting);
    waiting = setTimeout(follow, UNSEEN);
  }, { signal });
  const observer = new ResizeObserver(() => { if (waiting !== null && isSeen()) follow(); });
  observer.observe(element);
  signal.addEventListener("abort", () => { observer.disconnect(); clearTimeout(waiting); });
  window.addEventListener("labelsieve:filter", (event) => {
    goTo(event.detail ? { ...parseFilter(window.location.hash), ...event.detail } : {});
  }, { signal });

  return {
    root: bar.root,
    get isOpen() { return bar.isOpen; },
    start(made, classes) {
      flow = made;
      bar.offer({ classes });
      follow();
    },
  };
}
