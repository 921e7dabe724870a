/**
 * The page: asks the agent what it shows (`GET /view`) every two seconds, and draws what has changed. Whatever it is told is
 * set as text, never as HTML. What its reader opened, scrolled or marked stays as it is while a part says the same.
 */
import { Plots } from './plots.js';

const VIEW_MS = 2000;
const HISTORY_MS = 5000;
const NAMES_MS = 10_000;
/** An agent that says nothing for so long does not answer. */
const ANSWER_MS = 5000;

const at = (id) => document.getElementById(id);

function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** `14:02`, of another day with its date: the time so many seconds ago. */
function clock(seconds) {
  const then = new Date(Date.now() - seconds * 1000);
  const today = then.toDateString() === new Date().toDateString();
  const time = then.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false });
  return today ? time : `${then.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

function drawHead({ host, version, ready, since, facts }) {
  document.title = `${ready ? '' : '! '}${host} · runnel`;
  at('host').textContent = host;
  document.body.classList.remove('silent');
  const state = at('state');
  state.className = ready ? 'good' : 'bad';
  const text = `${ready ? 'ready' : 'not ready'} since ${clock(since)}`;
  // Said aloud where it is another one, not each time.
  if (state.textContent !== text) state.textContent = text;
  const rows = [...facts, ['Version', version]].map(([name, value]) => {
    const row = make('div');
    row.append(make('dt', name), make('dd', value));
    return row;
  });
  at('facts').replaceChildren(...rows);
}

function drawAdvice(advice) {
  if (advice.length === 0) {
    at('advice').replaceChildren(make('li', 'Nothing: all that is configured works.', 'none'));
    return;
  }
  const items = advice.map(({ text, remedy, since }) => {
    const item = make('li');
    item.append(make('strong', text));
    if (since !== null) item.append(make('span', ` since ${clock(since)}`, 'soft'));
    if (remedy !== null) item.append(make('p', remedy));
    return item;
  });
  at('advice').replaceChildren(...items);
}

const rawOf = (cell) => (typeof cell === 'string' ? cell : cell.bad);

function textOf(cell) {
  const text = rawOf(cell);
  return TIME.test(text) ? clock((Date.now() - Date.parse(text)) / 1000) : text;
}
const isWrong = ({ rows }) => rows.some((row) => row.some((cell) => typeof cell !== 'string'));
/** A column of such texts stands to the right: `-`, `1,234`, `1.5 MiB`, `3 min 2 s ago`, `14:02`. */
const NUMBER = /^(?:[-✓]|never|[≠~]? ?[\d.,:]+(?: (?:B|[KMGT]iB|ms|s|min|h|d|%)[\d a-z]*)?)$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*Z$/;

function drawTable({ heads, rows }) {
  const kinds = heads.map((_, column) => {
    const texts = rows.map((row) => rawOf(row[column])).filter((text) => text !== '');
    if (column > 0 && texts.length > 0 && texts.every((text) => NUMBER.test(text) || TIME.test(text))) return 'number';
    return texts.some((text) => text.length > 30 && !TIME.test(text)) ? 'prose' : '';
  });
  const table = make('table');
  const head = table.createTHead().insertRow();
  head.append(
    ...heads.map((text, i) => {
      const cell = make('th', text, kinds[i]);
      cell.scope = 'col';
      return cell;
    }),
  );
  const body = table.createTBody();
  for (const row of rows) {
    body.insertRow().append(
      ...row.map((cell, i) => {
        const shown = make('td', textOf(cell), kinds[i]);
        if (typeof cell !== 'string') shown.classList.add('bad');
        shown.dataset.head = heads[i];
        return shown;
      }),
    );
  }
  const wide = make('div', undefined, 'wide');
  wide.append(rows.length > 0 ? table : make('p', 'nothing', 'soft'));
  return wide;
}

/** Parts by title, without what changes in it. */
const parts = new Map();

function drawTables(root, tables) {
  const before = new Set([...parts].flatMap(([name, { element }]) => (element.parentNode === root ? [name] : [])));
  let place = root.firstChild;
  for (const table of tables) {
    const name = table.title.replace(/ \(.*/, '');
    before.delete(name);
    const part = parts.get(name) ?? newPart(table.folded);
    parts.set(name, part);
    part.show(table);
    if (part.element === place) place = place.nextSibling;
    else root.insertBefore(part.element, place);
  }
  for (const name of before) {
    parts.get(name).element.remove();
    parts.delete(name);
  }
}

function newPart(folded) {
  const element = make(folded ? 'details' : 'section');
  const title = make(folded ? 'summary' : 'h2');
  element.append(title);
  let shown = '';
  let wrong = false;
  return {
    element,
    show(table) {
      const now = JSON.stringify(table);
      if (now === shown) return;
      shown = now;
      title.textContent = table.title;
      const scrolled = element.lastChild.scrollLeft;
      const drawn = drawTable(table);
      if (element.children.length > 1) element.lastChild.replaceWith(drawn);
      else element.append(drawn);
      drawn.scrollLeft = scrolled;
      // What has gone wrong is not hidden; who has seen it may fold it again.
      if (folded && isWrong(table) && !wrong) element.open = true;
      wrong = isWrong(table);
    },
  };
}

const plots = new Plots(at('plots'));
let paused = false;

async function drawView() {
  try {
    const view = await ask('view');
    drawHead(view);
    drawAdvice(view.advice);
    drawTables(
      at('urgent'),
      view.tables.filter(({ urgent }) => urgent),
    );
    drawTables(
      at('tables'),
      view.tables.filter(({ urgent }) => !urgent),
    );
    at('names').hidden = !view.names;
  } catch {
    document.body.classList.add('silent');
    at('state').className = 'bad';
    const text = 'the agent does not answer';
    if (at('state').textContent !== text) at('state').textContent = text;
  }
}

async function drawHistory() {
  // What is said about an agent that does not answer is said by the view.
  const history = await ask('history').catch(() => null);
  if (history) plots.show(history);
}

const names = newPart(true);

async function drawNames() {
  if (!at('names').open || at('names').hidden) return;
  const table = await ask('names').catch(() => null);
  if (!table) return;
  names.show({ ...table, folded: false });
  at('names').firstElementChild.textContent = table.title;
  if (!names.element.lastChild.isConnected || at('names').lastChild !== names.element.lastChild) {
    while (at('names').children.length > 1) at('names').lastChild.remove();
    at('names').append(names.element.lastChild);
  }
}

/** Again and again, one after the other, while somebody looks. */
async function repeat(draw, every) {
  for (;;) {
    if (!document.hidden && !paused) await draw();
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

at('pause').addEventListener('click', () => {
  paused = !paused;
  at('pause').setAttribute('aria-pressed', String(paused));
  at('pause').textContent = paused ? 'Go on' : 'Pause';
});
at('names').addEventListener('toggle', drawNames);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !paused) drawView();
});
repeat(drawView, VIEW_MS);
repeat(drawHistory, HISTORY_MS);
repeat(drawNames, NAMES_MS);
