// How long a key takes to become a picture: window.__labelsieve_timings, for benchmarks.

const KEPT = 200;

/**
 * Records when the new card was painted. Its pixels were decoded before the swap; the second
 * animation frame after the swap starts when the frame with the new card has been handed over. So
 * the mark is an upper bound, late by up to one frame; decode() is awaited once more to be sure.
 */
export async function recordPaint(mark, img) {
  const frames = new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await Promise.all([frames, img?.decode?.().catch(() => {})]);
  const timings = (window.__labelsieve_timings ??= []);
  timings.push({ ...mark, painted_time: performance.now() });
  if (timings.length > KEPT) timings.splice(0, timings.length - KEPT);
}
