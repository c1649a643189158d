// Which tiles are marked, and whom a key therefore acts on: the marked ones, or, in a sheet where marks are
// exceptions, the rest. Pure: positions go in and come out.

export function createMarks() {
  const marked = new Set();
  let anchor = null; // where a range starts

  const put = (positions, on) => {
    for (const position of positions) {
      if (on) marked.add(position);
      else marked.delete(position);
    }
  };

  return {
    has: (position) => marked.has(position),
    get size() { return marked.size; },
    toggle(position) {
      put([position], !marked.has(position));
      anchor = position;
    },
    put,
    /** From the last toggled tile to this one, as that one is; where the page has none, from `from` or this one. */
    range(page, position, from = position) {
      if (!page.includes(anchor)) this.toggle(from);
      const [first, last] = [page.indexOf(anchor), page.indexOf(position)].sort((a, b) => a - b);
      put(page.slice(first, last + 1), marked.has(anchor));
    },
    invert(positions) {
      for (const position of positions) put([position], !marked.has(position));
    },
    clear() {
      marked.clear();
      anchor = null;
    },
    among: (positions) => [...positions].filter((position) => marked.has(position)),
  };
}

/**
 * Whom a key acts on. mode: "rest" (marks are exceptions) or "chosen"; scope: "page" or "all"; `done` has what was
 * decided here already and is left alone. Returns {targets, spared, of}: `spared` marked or not, but not acted on, of
 * `of` undecided ones in the scope. What is chosen is chosen on whichever page it lies.
 */
export function targetsOf({ mode, scope, page, left, marks, done }) {
  const open = (positions) => [...positions].filter((position) => !done.has(position));
  if (mode === "chosen") {
    const pool = open(left);
    const targets = marks.among(pool);
    return { targets, spared: 0, of: pool.length, elsewhere: targets.length - marks.among(open(page)).length };
  }
  const pool = open(scope === "page" ? page : left);
  const targets = pool.filter((position) => !marks.has(position));
  return { targets, spared: pool.length - targets.length, of: pool.length, elsewhere: 0 };
}

/** The rows and columns of tiles, each at least `wide` × `high` px, that fill a box: as many as fit, at most `most`. */
export function gridOf({ width, height }, { wide, high, gap, most }) {
  const columns = Math.max(1, Math.floor((width + gap) / (wide + gap)));
  const rows = Math.max(1, Math.floor((height + gap) / (high + gap)));
  const shown = Math.min(rows, Math.max(1, Math.floor(most / columns)));
  return { columns, rows: shown, tiles: columns * shown };
}

/** The grid of the largest tiles with which `n` of them still fit; that of the least ones where they do not. */
export function roomy(box, n, sizes) {
  for (let wide = sizes.wide * 2; wide > sizes.wide; wide -= 4) {
    const grid = gridOf(box, { ...sizes, wide, high: sizes.high + wide - sizes.wide });
    if (grid.tiles >= n) return grid;
  }
  return gridOf(box, sizes);
}

/** The index that an arrow key leads to from index i of n tiles in `columns`; i where there is none. */
export function step(key, i, n, columns) {
  const wanted = { ArrowLeft: i - 1, ArrowRight: i + 1, ArrowUp: i - columns, ArrowDown: i + columns, Home: 0, End: n - 1 }[key];
  if (wanted === undefined) return null;
  if (key === "ArrowDown" && wanted >= n && Math.floor(i / columns) < Math.floor((n - 1) / columns)) return n - 1;
  return wanted >= 0 && wanted < n ? wanted : i;
}
