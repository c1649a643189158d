// The samples of a sheet, in a fixed order, a page at a time. What is decided stays where it is until the page turns,
// so that nothing moves under the hand. Pure: positions are given; no DOM, no network.

export const MAX_TILES = 200; // of one page: as many as one request may ask for

/** The bytes of /api/positions: uint32 n, uint32 positions (n,), little-endian → Uint32Array (n,). */
export function decodePositions(buffer) {
  const view = new DataView(buffer);
  const n = view.byteLength >= 4 ? view.getUint32(0, true) : -1;
  if (n < 0 || view.byteLength !== 4 + 4 * n) throw new Error("The list of samples arrived incomplete; open the sheet again.");
  return Uint32Array.from({ length: n }, (_, i) => view.getUint32(4 + 4 * i, true));
}

export function createList() {
  let all = new Uint32Array(0);
  let total = 0; // how many match on the server; more than `all` holds where there are very many
  let left = all; // what is turned through: `all` without what was decided before the page was last turned
  let start = 0;
  let size = 60;
  const done = new Map(); // position → {outcome, labels}: decided here since the list was loaded

  /** Drops what is decided; returns where the first of `anchors` that is left now stands, or the end. */
  function compact(anchors) {
    left = all.filter((position) => !done.has(position));
    const anchor = anchors.find((position) => !done.has(position));
    return anchor === undefined ? left.length : left.indexOf(anchor);
  }

  return {
    load(positions, matching = positions.length) {
      all = left = Uint32Array.from(positions);
      total = Math.max(matching, positions.length);
      start = 0;
      done.clear();
    },
    get size() { return size; },
    /** How many tiles fit; the first tile of the page stays. */
    resize(tiles) {
      size = Math.max(1, Math.min(MAX_TILES, tiles));
    },
    done,
    page: () => [...left.subarray(start, start + size)],
    ahead: () => [...left.subarray(start + size, start + 2 * size)],
    left: () => left,
    has: (position) => all.includes(position),
    hasNext: () => start + size < left.length,
    hasPrevious: () => start > 0,
    next() {
      if (start + size >= left.length && !done.size) return;
      const at = compact(left.subarray(start + size));
      start = at < left.length ? at : Math.max(0, left.length - size);
    },
    previous() {
      start = Math.max(0, compact(left.subarray(start)) - size);
    },
    /** Whether a page that is all decided could be replaced by what is left. */
    isSpent: () => left.length > 0 && [...left.subarray(start, start + size)].every((position) => done.has(position)),
    /** Records what was decided for positions. */
    settle(positions, decisionOf) {
      for (const position of positions) done.set(position, decisionOf(position));
    },
    /** Takes it back; where the page does not show them any more it goes to the first of them. */
    reopen(positions) {
      for (const position of positions) done.delete(position);
      const shown = new Set(left.subarray(start, start + size));
      if (positions.some((position) => shown.has(position))) return;
      const here = compact(left.subarray(start));
      const back = new Set(positions);
      const first = left.findIndex((position) => back.has(position));
      start = first >= 0 ? Math.floor(first / size) * size : Math.max(0, Math.min(here, left.length - size));
    },
    /** {first, last, of, listed}: 61–120 of 312; `listed` of them were fetched. */
    range() {
      const gone = all.length - left.length;
      return { first: left.length ? start + 1 : 0, last: Math.min(left.length, start + size), of: total - gone, listed: left.length };
    },
  };
}
