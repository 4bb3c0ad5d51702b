// One stream of news for all modules of a page.

const followers = new Set();
const watchers = new Set();
let source = null;
let last = null;

/** Call `news(state)` at once with what is known and whenever it changes; `away(bool)` when the server goes or comes back. */
export function follow(news, away) {
  followers.add(news);
  if (away) watchers.add(away);
  if (last) news(last);
  if (!source) start();
}

function start() {
  source = new EventSource("/api/events");
  source.addEventListener("news", (event) => {
    last = JSON.parse(event.data);
    for (const news of followers) news(last);
    document.body.classList.add("followed");
  });
  source.addEventListener("open", () => watchers.forEach((away) => away(false)));
  source.addEventListener("error", () => watchers.forEach((away) => away(true)));
  addEventListener("pagehide", () => source.close());
}
