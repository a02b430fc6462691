// Parts of a page that follow the world. An event only says what changed; the part is then fetched
// again from the console, in the reader's language and through its doors. While the stream is
// lost, the part asks by itself every few seconds, and the page says so.
import htmx from "htmx.org";

const SETTLE_MS = 250;

function follow(part) {
  const { stream, poll } = part.dataset;
  const status = document.querySelector(part.dataset.status);
  let source;
  let polling;
  let waiting;

  const say = (state) => {
    if (!status || status.dataset.state === state) return;
    status.dataset.state = state;
    status.textContent = status.dataset[state];
  };
  const refresh = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => htmx.trigger(document.getElementById(part.id), "refresh"), SETTLE_MS);
  };
  const concerns = (what) => {
    if (!part.dataset.rows) return true;
    return Boolean(document.getElementById(`device-${what.device}`));
  };
  const lose = () => {
    say("polling");
    polling ??= setInterval(() => {
      refresh();
      if (source.readyState === EventSource.CLOSED) open();
    }, Number(poll) * 1000);
  };
  const open = () => {
    source = new EventSource(stream, { withCredentials: true });
    source.addEventListener("open", () => {
      clearInterval(polling);
      polling = undefined;
      say("live");
      refresh(); // what changed while nobody listened
    });
    for (const kind of ["device", "session"]) {
      source.addEventListener(kind, (event) => {
        if (concerns(JSON.parse(event.data))) refresh();
      });
    }
    source.addEventListener("fleet", refresh); // more devices than anybody would name
    source.addEventListener("error", lose);
  };
  // An answer that does not come leaves what is shown, and says that it may be old.
  for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    part.addEventListener(event, () => say("failed"));
  }
  part.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && status?.dataset.state === "failed") say(polling ? "polling" : "live");
  });
  open();
  addEventListener("pagehide", () => source.close());
}

// What is new in a list that is fetched again is said once, politely, to whoever listens to the page:
// the list itself is no live region, or all of it would be read again.
function sayNew(part) {
  const said = document.querySelector(part.dataset.say);
  const items = () => [...part.querySelectorAll("li[id]")];
  const known = new Set(items().map((item) => item.id));
  // Not what is folded away: texts for machines.
  const words = (item) =>
    [...item.querySelectorAll(".what > strong, .what > span, .state")]
      .map((each) => each.textContent.replace(/\s+/g, " ").trim())
      .join(", ");
  part.addEventListener("htmx:afterSettle", () => {
    const fresh = items().filter((item) => !known.has(item.id));
    for (const item of fresh) known.add(item.id);
    if (fresh.length) said.textContent = fresh.reverse().map(words).join(". ");
  });
}

export function startLive() {
  for (const part of document.querySelectorAll("[data-stream]")) follow(part);
  for (const part of document.querySelectorAll("[data-say]")) sayNew(part);
}
