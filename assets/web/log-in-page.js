// The page of the log-in. Somebody who is logged in and came by a link of another site, with which browsers send no
// cookie of ours, is let through.

import { destination, wire } from "./log-in.js";

const go = () => window.location.replace(destination(window.location));

wire(document.getElementById("log-in"), go);
fetch("/log-in", { redirect: "manual", cache: "no-store" }).then((reply) => {
  if (reply.type === "opaqueredirect") go();
}, () => {}); // the form says it when the server is gone
