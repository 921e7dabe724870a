/** The page's script, run with as much of a document as it needs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE } from '../../src/report/page.ts';
import { tablesOf } from '../../src/report/tables.ts';
import { statusOf } from '../support/status.ts';

/** An element: what it holds as text, in order. */
class Element {
  textContent = '';
  className = '';
  open = false;
  scrollLeft = 0;
  children: Element[] = [];
  append(...children: Element[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: Element[]): void {
    this.children = children;
  }
  #add(): Element {
    const child = new Element();
    this.append(child);
    return child;
  }
  createTHead = () => this.#add();
  createTBody = () => this.#add();
  insertRow = () => this.#add();
  get texts(): string[] {
    return [...(this.textContent === '' ? [] : [this.textContent]), ...this.children.flatMap(({ texts }) => texts)];
  }
}

test('the page shows the tables of the inputs, and all of it as text', async () => {
  const root = new Element();
  const document = { hidden: false, title: '', getElementById: () => root, createElement: () => new Element() };
  const status = statusOf();
  const asked: string[] = [];
  const fetch = async (path: string) => {
    asked.push(path);
    return { json: async () => JSON.parse(JSON.stringify(path.startsWith('tables') ? tablesOf(status) : status)) };
  };
  const script = /<script>(.*)<\/script>/s.exec(PAGE)![1]!;
  new Function('document', 'fetch', 'setTimeout', script)(document, fetch, () => undefined);
  await new Promise(setImmediate);
  assert.deepEqual(asked, ['status?files=0', 'tables?files=20']);
  const { texts } = root;
  for (const text of [
    'Logs nginx (3 files)',
    '/var/log/nginx/b<script>.log',
    'EACCES',
    'StatsD (12 series)',
    'Checks',
  ]) {
    assert.ok(texts.includes(text), `${text} is not in ${texts.join(' | ')}`);
  }
});
