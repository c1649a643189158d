// Logging in and out, for the page of its own and for the dialog over the app. No DOM at import.

async function send(fetcher, path, body) {
  const reply = await fetcher(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), cache: "no-store" });
  const said = await reply.json().catch(() => null);
  if (reply.status === 200) return said;
  throw new Error(typeof said?.error === "string" ? said.error : `The reviewer answered ${reply.status}.`);
}

/** Logs in and returns the name; rejects with the server's sentence. */
export async function logIn(name, password, fetcher = (...args) => fetch(...args)) {
  return (await send(fetcher, "/log-in", { name, password })).name;
}

export const logOut = (fetcher = (...args) => fetch(...args)) => send(fetcher, "/log-out", {});

/** Where to go after the log-in: the page that was asked for, on this server only, and what was asked for in it. */
export function destination({ search, hash, origin }) {
  const wanted = new URLSearchParams(search).get("next") ?? "/";
  let found;
  try {
    found = new URL(wanted, origin);
  } catch {
    found = new URL("/", origin);
  }
  const isOurs = found.origin === origin && wanted.startsWith("/") && !found.pathname.startsWith("/log-");
  return `${isOurs ? found.pathname + found.search : "/"}${hash ?? ""}`;
}

/** Lets a form log in: `done(name)` once it has; a sentence in it, and the password selected, where not. */
export function wire(form, done) {
  const { name, password } = form.elements;
  const fault = form.querySelector(".li-fault");
  const submit = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.hidden = true;
    try {
      const person = await logIn(name.value, password.value);
      password.value = "";
      done(person);
    } catch (error) {
      fault.textContent = error instanceof TypeError ? "The reviewer does not answer; try again." : error.message;
      fault.hidden = false;
      password.select();
      password.focus();
    }
    submit.disabled = false;
  });
}
