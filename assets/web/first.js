// Runs before Gradio's own scripts. The clock of its loading screen goes on at every frame when the screen has gone
// (6.31), and keeps a page at work that nobody touches. Nothing of ours shows that clock, so it gets no frames.
(() => {
  const CLOCK = /performance\.now\(\)\s*-[^;]*\/\s*1e3/;
  const LONGEST = 200; // characters of its source
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => {
    const source = String(callback);
    return source.length < LONGEST && CLOCK.test(source) ? 0 : frame(callback);
  };
})();
