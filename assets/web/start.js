// The start page: three ways to a workspace, and what is being done while one is opened. It asks the
// server how far it is; when the app is there, a reload shows it.

import { createBrowser } from "./start-browse.js";
import { createChoose } from "./start-choose.js";
import { createMake } from "./start-make.js";
import { el } from "./dom.js";
import { stageLine } from "./start-words.js";

const PAUSE = 300; // ms between two looks

/** JSON from a route of the start page; an error carries the server's own sentence. */
async function ask(path, body) {
  const init = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  const reply = await fetch(`/start/${path}`, { ...init, cache: "no-store" });
  const said = await reply.json().catch(() => null);
  const text = said?.error ?? said?.detail;
  if (reply.ok && typeof text !== "string") return said;
  throw new Error(typeof text === "string" ? text : `The reviewer answered ${reply.status}.`);
}

function createLoading() {
  const title = el("h2", {});
  const line = el("p", { class: "st-muted", role: "status" });
  const root = el("section", { class: "st-loading" }, title,
    el("div", { class: "st-bar st-unknown", role: "progressbar", "aria-label": "Opening" }, el("span", {})), line);
  return {
    root,
    show({ subject, stage }) {
      const name = subject ? `Opening ${subject}` : "Opening";
      if (title.textContent !== name) title.textContent = name;
      if (line.textContent !== stageLine(stage)) line.textContent = stageLine(stage);
    },
  };
}

function boot(main, lost) {
  const browser = createBrowser(ask);
  const loading = createLoading();
  const problem = el("div", { class: "st-problem", role: "alert", hidden: true });
  const go = async (path, body) => {
    problem.hidden = true;
    try {
      await ask(path, body);
      await look();
    } catch (error) {
      say(error.message);
    }
  };
  const show = (view) => {
    problem.hidden = true;
    place.replaceChildren(view.root);
    view.enter?.();
    window.scrollTo(0, 0);
  };
  const choose = createChoose({ ask, browser, go, say, toMake: (path) => { show(make); make.begin(path); } });
  const make = createMake({ ask, browser, go, say, toChoose: () => show(choose) });
  const place = el("div", {});
  main.replaceChildren(problem, place);
  let before = null;

  function say(text, url = "") {
    problem.textContent = text;
    if (/^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+$/.test(url)) {
      const link = el("a", { href: url });
      link.textContent = "Go there";
      problem.append(" ", link);
    }
    problem.hidden = !text;
  }

  async function look() {
    const state = await ask("state");
    lost.hidden = true;
    if (state.state === "open") {
      window.location.replace("/");
      return false;
    }
    if (state.state === "working") {
      if (before !== "working") place.replaceChildren(loading.root);
      loading.show(state);
    } else if (before === null || before === "working") {
      show(make.isBegun() ? make : choose);
      if (before === "working" || state.message) say(state.message, state.url);
    }
    make.download(state.download);
    before = state.state;
    return true;
  }

  async function follow() {
    for (;;) {
      try {
        if (!(await look())) return;
      } catch {
        lost.hidden = false;
      }
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }

  follow();
}

if (typeof document !== "undefined" && document.getElementById("start")) {
  boot(document.getElementById("start"), document.getElementById("lost"));
}
