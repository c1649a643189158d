// How many errors are left: the button in the strip, and the window behind it. The numbers are the server's.

import { button, count, el, nameSpan, percent, plural, setName } from "./dom.js";

const RATES = [[0, "none"], [0.05, "1 in 20"], [0.1, "1 in 10"], [0.2, "1 in 5"], [0.5, "1 in 2"]];
const SECONDS = [[0, "none"], [0.05, "1 in 20"], [0.1, "1 in 10"], [0.2, "1 in 5"], [0.5, "1 in 2"], [1, "all"]];
const OWN_DAYS = [[0, "never"], [1, "after a day"], [7, "after a week"], [30, "after a month"]];
const GOALS = [[0.001, "0.1 %"], [0.005, "0.5 %"], [0.01, "1 %"], [0.02, "2 %"], [0.05, "5 %"]];
const SHOWN = 12; // classes in the list
const PAUSE = 1500; // ms after a card until the numbers are asked for: a fast hand must not wait for them

/** The short form on the button: "About 41 errors left (18–77)". */
export function shortWords({ left, undecided, audits }) {
  if (!undecided) return "All decided";
  const range = left.low === left.high ? "" : ` (${count(left.low)}–${count(left.high)})`;
  return `About ${count(Math.round(left.point))} errors left${range}${audits ? "" : ", not audited"}`;
}

/** How many of the next cards catch a share of the errors: the first point of the curve that does. */
export function cardsFor({ cards, share }, wanted) {
  const at = share.findIndex((value) => value >= wanted - 1e-9);
  return at < 0 ? cards.at(-1) ?? 0 : cards[at];
}

export const catchWords = (curve, wanted) => {
  const cards = cardsFor(curve, wanted);
  return `Review ${count(cards)} ${cards === 1 ? "card" : "cards"} to catch about ${Math.round(100 * wanted)} % of them`;
};

/** "87 of the last 100 cards of the queue were wrong." */
export function precisionWords({ wrong, of }) {
  if (!of) return "No card of the queue is decided yet.";
  return `${count(wrong)} of the last ${count(of)} cards of the queue ${wrong === 1 ? "was" : "were"} wrong (${percent(wrong / of)}).`;
}

/** "Your decisions moved 27 images into the flagged ones and 143 out of them." */
export function movedWords({ entered, left } = { entered: 0, left: 0 }) {
  if (!entered && !left) return "";
  return `Your decisions moved ${plural(entered, "image")} into the flagged ones and ${count(left)} out of them.`;
}

/** "People disagree about 3 samples." */
export const disputeWords = (n) => (n ? `People disagree about ${count(n)} ${n === 1 ? "sample" : "samples"}.` : "Nobody disagrees.");

function choice(label, options, onChange, wordsOf = percent) {
  const select = el("select", { "aria-label": label, on: { change: () => onChange(Number(select.value)) } },
    ...options.map(([value, words]) => el("option", { value: String(value) }, words)));
  return {
    root: el("label", { class: "ls-out-field" }, el("span", {}, label), select),
    show(value) {
      if (!options.some(([each]) => each === value) && ![...select.options].some((each) => Number(each.value) === value)) {
        select.append(el("option", { value: String(value) }, wordsOf(value)));
      }
      select.value = String(value);
    },
  };
}

/**
 * `calls`: get and post. The button belongs into the strip, the dialog anywhere; `refresh()` asks anew, `later()` in a
 * while. onRate(): other cards are audits or second opinions from now on. onDisputed(): what people disagree about is asked for.
 */
export function createOutlook(calls, { onRate = () => {}, onDisputed = () => {} } = {}) {
  const words = el("span", {});
  const opener = button({ class: "ls-quiet ls-outlook", "aria-haspopup": "dialog", title: "How many errors are left, and when to stop" }, () => open(), words);
  const errors = el("p", { class: "ls-out-errors", role: "status" });
  const stop = el("p", { class: "ls-out-stop" });
  const precision = el("p", {});
  const catching = el("p", {});
  const slider = el("input", { type: "range", min: "50", max: "99", value: "90", "aria-label": "Share of the errors to catch", on: { input: () => drawCurve() } });
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("viewBox", "0 0 100 40");
  line.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("class", "ls-out-curve");
  line.setAttribute("aria-hidden", "true");
  const rate = choice("Audit cards", RATES, (value) => save({ audit_rate: value }));
  const goal = choice("Good enough: wrong labels left", GOALS, (value) => save({ goal: value }));
  const second = choice("Decisions of others", SECONDS, (value) => save({ second_rate: value }));
  const own = choice("Your own, too", OWN_DAYS, (value) => save({ second_own_days: value }), (days) => `after ${count(days)} days`);
  const dispute = el("span", {});
  const settle = button({ class: "ls-button" }, () => {
    dialog.close();
    onDisputed();
  }, "Settle them");
  const classes = el("tbody", {});
  const table = el("table", { class: "ls-out-classes" },
    el("caption", {}, "Errors left by given class"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Class"), el("th", { scope: "col" }, "about"), el("th", { scope: "col" }, "95 %"))), classes);
  const fault = el("p", { class: "ls-out-fault", role: "alert", hidden: true });
  const dialog = el("dialog", { class: "ls-out", "aria-label": "How many errors are left" },
    el("h2", {}, "How many errors are left"), errors, stop,
    el("div", { class: "ls-out-row" }, rate.root, goal.root),
    el("p", { class: "ls-muted" }, "Audit cards are drawn at random from everything undecided and show nothing that a run thinks. They are what the estimate rests on."),
    el("h3", {}, "Second opinions"),
    el("div", { class: "ls-out-row" }, second.root, own.root),
    el("p", { class: "ls-muted" }, "They are blind and change no label. Where one differs, the sample waits for somebody to settle it."),
    el("p", { class: "ls-out-dispute" }, dispute, settle),
    el("h3", {}, "What the next cards catch"), precision, el("div", { class: "ls-out-catch" }, slider, catching), line,
    table, fault, el("form", { method: "dialog" }, el("button", { class: "ls-button" }, "Close")));
  let told = null;

  function drawCurve() {
    if (!told) return;
    const wanted = Number(slider.value) / 100;
    catching.textContent = told.undecided ? `${catchWords(told.curve, wanted)}.` : "";
    const { cards, share } = told.curve;
    const most = Math.max(1, cards.at(-1) ?? 1);
    const path = (points) => points.map(([x, y]) => `${x.toFixed(2)},${(40 - 40 * y).toFixed(2)}`).join(" ");
    const at = (100 * cardsFor(told.curve, wanted)) / most;
    line.replaceChildren(...[["ls-out-line", cards.map((n, i) => [(100 * n) / most, share[i]])], ["ls-out-mark", [[at, 0], [at, wanted]]]].map(([name, points]) => {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      shape.setAttribute("class", name);
      shape.setAttribute("points", path(points));
      return shape;
    }));
  }

  function draw() {
    words.textContent = shortWords(told);
    opener.classList.toggle("ls-may-stop", told.may_stop);
    errors.textContent = told.errors;
    stop.textContent = told.stop;
    precision.textContent = [precisionWords(told.precision), movedWords(told.moved)].filter(Boolean).join(" ");
    rate.show(told.audit_rate);
    goal.show(told.goal);
    second.show(told.second_rate);
    own.show(told.second_own_days);
    dispute.textContent = disputeWords(told.disagreements);
    settle.hidden = !told.disagreements;
    if (told.classes) classes.replaceChildren(...told.classes.slice(0, SHOWN).map(({ name, point, low, high }) => {
      const cell = nameSpan();
      setName(cell, name);
      return el("tr", {}, el("th", { scope: "row" }, cell), el("td", {}, count(Math.round(point))), el("td", {}, `${count(low)}–${count(high)}`));
    }));
    table.hidden = !classes.childElementCount;
    drawCurve();
  }

  function take(next) {
    told = next;
    fault.hidden = true;
    draw();
  }

  async function save(values) {
    try {
      take(await calls.post("/api/outlook", values));
      if (!("goal" in values)) onRate();
    } catch (error) {
      fault.hidden = false;
      fault.textContent = `That was not kept: ${error.message}`;
      if (told) draw();
    }
  }

  async function refresh() {
    try {
      // The intervals of the classes cost a second where there are many, and the strip does not show them.
      take(await calls.get(`/api/outlook?by_class=${dialog.open}`));
    } catch {
      // The strip says already that the server does not answer; the last numbers stay.
    }
  }

  let timer = null;

  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE);
  }

  function open() {
    dialog.showModal();
    refresh();
  }

  return { opener, dialog, refresh, later };
}
