// Relative times and countdowns, in the page's language; the exact time stays in `title`.
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];
let format;

function relative(at, now) {
  const away = at - now;
  for (const [unit, length] of UNITS) {
    if (Math.abs(away) >= length) return format.format(Math.trunc(away / length), unit);
  }
  return format.format(0, "second");
}

function left(until, now) {
  const seconds = Math.max(0, Math.round((until - now) / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => String(part).padStart(at ? 2 : 1, "0")).join(":");
}

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = relative(Date.parse(time.dateTime), now);
  }
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    time.textContent = left(Date.parse(time.dateTime), now);
  }
}

export function startTimes() {
  format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" });
  tick();
  setInterval(tick, 1000);
  document.body.addEventListener("htmx:afterSettle", tick);
}
