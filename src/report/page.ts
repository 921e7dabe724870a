/**
 * The page: the status, live, in one HTML document that loads nothing. Everything it shows is set as text, never as
 * HTML, and its policy lets no other script run.
 */
import { createHash } from '../builtin.ts';

/** Every colour of text has 4.5:1 on its ground. A table that is too wide is scrolled by itself, its words stay whole. */
const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1b1b; --soft: #5a5a5a; --bad: #b3261e; --good: #0b6e43; --line: #d4d4d4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #121212; --text: #e8e8e8; --soft: #a8a8a8; --bad: #ff8a80; --good: #5fd39a; --line: #3a3a3a; }
}
body { font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1.5rem; color: var(--text); background: var(--ground); }
h1 { font-size: 1.2rem; margin: 0; } h2, summary { font-size: 1rem; font-weight: bold; margin: 1.6rem 0 .3rem; }
summary { cursor: pointer; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; white-space: nowrap; }
th { font-weight: normal; color: var(--soft); } th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child, td.bad { white-space: normal; }
.bad { color: var(--bad); } .good { color: var(--good); } .soft { color: var(--soft); } ul { margin: .3rem 0; padding-left: 1.2rem; }
h1, p, li { overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { padding: 1rem; } th, td { padding: .2rem .35rem; } }
`;

const SCRIPT = `
'use strict';
const root = document.getElementById('status');
let before = null;
/** How tables look: what its reader opened or scrolled stays so, by title, while all is drawn anew each time. */
let drawn = [];
const left = new Map();
function make(tag, text, kind) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (kind) e.className = kind;
  return e;
}
function size(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let u = 0;
  while (n >= 1024 && u < 4) { n /= 1024; u++; }
  return (u === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + units[u];
}
function age(s) {
  if (s === null) return '-';
  if (s < 60) return s.toFixed(1) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  return s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' d';
}
const number = (n) => n.toLocaleString('en');
function table(title, heads, rows, folded) {
  if (rows.length === 0) return;
  const t = make('table');
  const h = t.createTHead().insertRow();
  for (const head of heads) h.append(make('th', head));
  const b = t.createTBody();
  for (const row of rows) {
    const r = b.insertRow();
    for (const cell of row) {
      const text = cell === null ? '' : String(cell);
      r.append(make('td', text.replace(/^!/, ''), text.startsWith('!') ? 'bad' : ''));
    }
  }
  const wide = make('div', undefined, 'wide');
  wide.append(t);
  // Numbers in a title change.
  const name = title.replace(/[:(].*/, '');
  const { scrolled = 0, open = false } = left.get(name) ?? {};
  // What is wrong is not hidden.
  const wrong = rows.some((row) => row.some((cell) => String(cell).startsWith('!')));
  const part = make(folded ? 'details' : 'section');
  part.open = open || wrong;
  part.append(make(folded ? 'summary' : 'h2', title), wide);
  root.append(part);
  wide.scrollLeft = scrolled;
  drawn.push(() => left.set(name, { scrolled: wide.scrollLeft, open: wrong ? open : part.open }));
}
const bad = (n) => (n > 0 ? '!' + number(n) : number(n));
const error = (e) => (e === null ? '' : '!' + e);
function rate(now, then, seconds) {
  return then === undefined || seconds <= 0 ? '' : number(Math.max(0, Math.round((now - then) / seconds))) + '/s';
}
function show(s, tables) {
  const seconds = before ? s.uptime_seconds - before.uptime_seconds : 0;
  for (const leave of drawn) leave();
  drawn = [];
  root.replaceChildren();
  document.title = 'runnel on ' + s.host;
  root.append(make('h1', 'runnel ' + s.version + ' on ' + s.host));
  const state = make('p', s.ready ? 'ready' : 'not ready', s.ready ? 'good' : 'bad');
  state.append(make('span', ' · up ' + age(s.uptime_seconds) + ' · pid ' + s.pid + ' · memory ' + size(s.process.rss_bytes) +
    ' · ' + (s.config.path === null ? 'built-in configuration' : s.config.path), 'soft'));
  root.append(state);
  if (s.reasons.length > 0) {
    const list = make('ul');
    for (const r of s.reasons) list.append(make('li', r, 'bad'));
    root.append(list);
  }
  const inputs = Object.entries(s.conservation.inputs);
  table('Inputs', ['', 'received', 'rate', 'recovered', 'forwarded', 'filtered', 'dropped', 'on their way', 'in the local log'], inputs.map(([name, b]) => [
    name, number(b.received), rate(b.received, before?.conservation.inputs[name]?.received, seconds),
    number(b.recovered), number(b.forwarded), number(b.filtered), bad(b.dropped), number(b.in_flight - b.in_local_log), number(b.in_local_log)]));
  for (const t of tables) table(t.title, t.heads, t.rows, t.folded);
  table('Kafka: ' + s.kafka.state, ['', 'records', 'bytes', 'on their way', ''],
    s.topics.map((t) => [t.topic + '/' + t.partition, number(t.records), size(t.bytes), number(t.in_flight), error(t.error)]));
  table('Local log', ['', 'records', 'size', 'oldest'], [['waiting', number(s.spool.records), size(s.spool.bytes), age(s.spool.oldest_seconds)]]);
  table('Lost', ['', 'reason', 'records', 'bytes', 'last'], s.lost.map((l) => [
    l.input, l.reason, bad(l.records), size(l.bytes), l.last]));
  before = s;
}
const get = async (path) => (await fetch(path)).json();
async function update() {
  try {
    if (!document.hidden) show(await get('status?files=0'), await get('tables?files=20'));
  } catch {
    root.replaceChildren(make('p', 'The agent does not answer.', 'bad'));
    before = null;
  }
  setTimeout(update, 2000);
}
update();
`;

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>runnel</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<main id="status"></main>
<script>${SCRIPT}</script>
</html>
`;
