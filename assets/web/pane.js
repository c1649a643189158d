// The pane's size: from its top to the bottom of the window, so that the page itself never scrolls,
// and as many neighbours as its width holds.

const LEAST_HEIGHT = 420;
const THUMB = 76; // px of a neighbour with its gap
const GAP = 8;

/** Sets `--ls-height` of the element: to the bottom of the window, less what stands below it. */
export function fitHeight(element) {
  const top = element.getBoundingClientRect().top + window.scrollY;
  const setHeight = (below) => {
    const height = `${Math.max(LEAST_HEIGHT, Math.floor(window.innerHeight - top - below))}px`;
    if (element.style.getPropertyValue("--ls-height") !== height) element.style.setProperty("--ls-height", height);
  };
  setHeight(0);
  const below = document.documentElement.scrollHeight - window.innerHeight; // a footer, paddings
  if (below > 0) setHeight(below);
}

/**
 * Keeps `--ls-height` of the element and `--columns` of the strip right until `signal` aborts;
 * `onThumbs(count)` is called when another number of neighbours fits.
 */
export function keepFitting(element, strip, signal, onThumbs) {
  let columns = 0;

  function fit() {
    if (!element.isConnected || element.offsetParent === null) return; // another tab is shown
    fitHeight(element);
    const width = strip.clientWidth;
    const fitting = Math.max(3, Math.min(12, Math.floor((width + GAP) / THUMB)));
    if (!width || fitting === columns) return;
    columns = fitting;
    strip.style.setProperty("--columns", columns);
    onThumbs(columns);
  }

  fit();
  for (const type of ["resize", "pageshow"]) window.addEventListener(type, fit, { signal });
  const observer = new ResizeObserver(fit); // also reports that the pane became visible again
  for (const node of [element, strip, document.body]) observer.observe(node);
  signal.addEventListener("abort", () => observer.disconnect());
}
