// What speaks for and against the given label: the probability, what each detector says, the reasons; on a
// blind card only the word that there is nothing to see.

import { button, count, el, percent } from "./dom.js";

const BLIND = {
  audit: ["Audit card: judge the image alone", "It was drawn at random. What the detectors think of it is hidden, so that the estimate of the errors left stays unbiased."],
  second: ["Second opinion: judge the image alone", "It is decided already. What was decided is hidden, and what the detectors think: where you see it otherwise, somebody looks again."],
};
const RUNS = 4; // detectors whose word has room below the bar

/**
 * What each run says, for the line below the bar: the newest run of each detector, newest first (`runs` comes
 * that way); its earlier runs are in the title. Returns [{detector, p_clean, title}].
 */
export function runWords(runs) {
  const newest = new Map();
  for (const run of runs) {
    const { detector, p_clean: p } = run;
    const words = `${run.run}: ${percent(p)} that the given label is right`;
    if (newest.has(detector)) newest.get(detector).title += `\nearlier, ${words}`;
    else newest.set(detector, { detector, p_clean: p, title: words });
  }
  return [...newest.values()];
}

/**
 * The main number of a card: {value, mark (where the threshold lies), title, note}. `chance` is what the
 * decisions say of the run's p_clean; null before there are enough of them.
 */
export function trustWords({ p_clean: p, chance }, threshold) {
  const flagged = `flagged below ${percent(threshold)}`;
  if (!chance) return { value: p, mark: threshold, title: "", note: flagged };
  return {
    value: chance.p_clean, mark: chance.threshold, note: `p_clean ${percent(p)}, ${flagged}`,
    title: `By the ${count(chance.decisions)} decisions so far; the ranking itself says ${percent(p)} (p_clean)`,
  };
}

/** `onReason(key)` is called when the cards with a reason are asked for. */
export function createEvidence(onReason) {
  const value = el("strong", { class: "ls-trust-value" });
  const meter = el("span", { class: "ls-meter", "aria-hidden": "true" });
  const runs = el("div", { class: "ls-runs" });
  const line = el("div", { class: "ls-trust-line" }, el("span", {}, "Probability that the given label is right"), value);
  const trust = el("section", { class: "ls-trust" }, line, meter, runs);
  const reasons = el("ul", { class: "ls-reasons", "aria-label": "Reasons; each shows only the cards that have it" });
  const blindTitle = el("strong", {});
  const blindWhy = el("p", {});
  const audit = el("section", { class: "ls-audit" }, blindTitle, blindWhy);

  function showRuns(card, note) {
    const said = runWords(card.runs ?? []);
    const chips = said.slice(0, RUNS).map(({ detector, p_clean: p, title }) =>
      el("span", { class: "ls-run", title }, el("bdi", {}, detector), el("b", {}, percent(p))));
    const rest = said.slice(RUNS);
    if (rest.length) chips.push(el("span", { class: "ls-run", title: rest.map(({ detector, title }) => `${detector}, ${title}`).join("\n") }, `+${rest.length}`));
    chips.push(el("span", { class: "ls-threshold" }, note));
    runs.replaceChildren(...chips);
  }

  return {
    roots: [trust, reasons, audit],
    show(card, threshold = 0.5) {
      const known = card.p_clean !== null && card.p_clean !== undefined;
      audit.hidden = !card.blind;
      trust.hidden = reasons.hidden = Boolean(card.blind);
      if (card.blind) {
        const [title, why] = BLIND[card.screen] ?? BLIND.audit;
        blindTitle.textContent = title;
        blindWhy.textContent = why;
        return;
      }
      const words = trustWords(card, threshold);
      value.textContent = known ? percent(words.value) : "not ranked yet";
      line.title = known ? words.title : "";
      trust.classList.toggle("ls-unranked", !known);
      trust.classList.toggle("ls-low", known && card.p_clean < threshold);
      meter.style.setProperty("--share", Math.max(0, Math.min(1, words.value ?? 0)));
      meter.style.setProperty("--threshold", words.mark);
      if (known) showRuns(card, words.note);
      else runs.replaceChildren();
      reasons.replaceChildren(...(card.reasons ?? []).map(({ key, words }) => el("li", {},
        button({ class: "ls-reason", title: `${words}: show only such cards` }, () => onReason(key), el("bdi", {}, words)))));
    },
  };
}
