// Follows a feed of whole frames and says how the connection is. The browser reconnects by itself; this page notices
// silence, gives connections of hidden pages back, and tells the difference between quiet and dead.

const BEAT_MS = 15_000;
const STALE_MS = 10_000;

/**
 * Calls `onFrame(frame)` for each frame, at most once per painted picture, and `others[name](data)` for each event of
 * another name. `url` may be a function: what is asked for may depend on what was seen.
 * The element `#link` shows the state: live, reconnecting, stale.
 */
export function follow(url, onFrame, others = {}) {
  let source = null;
  let heard = performance.now();
  let lost = null;
  let lostAt = null;
  let waiting = null;
  let resting = null;

  const link = document.getElementById("link");
  const text = document.getElementById("link-text");
  const show = (state, words) => {
    if (link.dataset.state !== state) link.dataset.state = document.documentElement.dataset.link = state;
    if (text.textContent !== words) text.textContent = words;
  };
  const alive = () => {
    heard = performance.now();
    lost = lostAt = null;
    show("live", "Live");
  };
  const missed = () => {
    if (lost === null) { lost = performance.now(); lostAt = new Date(Date.now() - (lost - heard)); }
    if (performance.now() - lost < STALE_MS) show("reconnecting", "Reconnecting");
    else show("stale", `Stale since ${lostAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })}`);
  };

  const open = () => {
    if (source && source.readyState !== EventSource.CLOSED) return;
    heard = performance.now();
    source = new EventSource(typeof url === "function" ? url() : url);
    source.addEventListener("open", () => { heard = performance.now(); });
    source.addEventListener("beat", alive);
    source.addEventListener("error", missed);
    source.addEventListener("message", (event) => {
      alive();
      // Only the newest frame counts; a page that paints slowly skips.
      if (waiting === null) requestAnimationFrame(() => { const data = waiting; waiting = null; onFrame(JSON.parse(data)); });
      waiting = event.data;
    });
    for (const [name, take] of Object.entries(others)) {
      source.addEventListener(name, (event) => { alive(); take(JSON.parse(event.data)); });
    }
  };
  const close = () => { source?.close(); source = null; };

  setInterval(() => {
    if (document.hidden && source === null) return;
    const silent = performance.now() - heard;
    if (silent > 2.5 * BEAT_MS) { missed(); close(); open(); }
    else if (lost !== null) missed();
    // An answer that is not a feed (too many watchers, a restart behind a proxy) closes it for good.
    if (source === null || source.readyState === EventSource.CLOSED) open();
  }, 2_000);

  // Browsers allow six connections to one server over HTTP/1.1: a hidden tab must not hold one.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(resting);
    if (document.hidden) resting = setTimeout(close, 5_000);
    else open();
  });
  open();
}
