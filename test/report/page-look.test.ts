/** The page as people have it: in a real Chromium, from the agent's own server. */
// Slow: starts a browser.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { Tap } from '../../src/admin/tap.ts';
import { History } from '../../src/report/history.ts';
import type { Status } from '../../src/report/shape.ts';
import { NO_TOP } from '../../src/sources/statsd/top-shape.ts';
import { type Chromium, type Looks, noChromium, type Page, startChromium } from '../support/chromium.ts';
import { statusOf, withFiles } from '../support/status.ts';

/** Of text, by WCAG 2 AA. */
const LEAST = 4.5;
const EVIL = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>';
/** Where pictures go, for who wants to see them. */
const PICTURES = process.env.RUNNEL_TEST_PICTURES;
const skip = { skip: noChromium };

function busy(): Status {
  const status = statusOf({
    host: `a-long-name-of-a-host.in-a-zone.example.com`,
    reasons: [`kafka: ${EVIL}`],
    ready: false,
  });
  const [nginx] = status.logs;
  nginx!.name = EVIL;
  nginx!.files[0]!.path = '/var/log/pods/kube-system_a-pod-of-some-length-7d4f9c5b6d-x2x9k/container/0.log';
  nginx!.files.push({ ...nginx!.files[0]!, path: `/var/log/${EVIL}.log`, error: EVIL });
  status.checks[0]!.lacks = EVIL;
  status.topics[0]!.error = EVIL;
  status.lost.push({ ...status.lost[0]!, reason: EVIL, input: EVIL });
  status.conservation.inputs[EVIL] = status.conservation.total;
  return status;
}

let status = busy();
let chromium: Chromium;
let admin: AdminServer;

before(async () => {
  if (noChromium) return;
  const clock = { now: 0 };
  const history = new History(
    () => status,
    undefined,
    () => clock.now,
  );
  for (; clock.now < 900_000; clock.now += 5000) {
    status.conservation.total.received += Math.round(5000 * (1 + Math.sin(clock.now / 60_000)));
    status.conservation.total.forwarded += 4500;
    status.process.cpu_seconds += 0.1;
    history.look();
  }
  [chromium, admin] = await Promise.all([
    startChromium(),
    startAdmin({
      listen: '127.0.0.1:0',
      socket: null,
      hosts: [],
      healthy: () => true,
      reasons: () => [],
      status: (files) => withFiles(status, files),
      history,
      tap: new Tap(),
      top: async () => ({ ...NO_TOP, by_samples: [{ name: `${EVIL}.hits`, samples: 7, series: 1 }] }),
    }),
  ]);
});

after(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await admin?.close();
});

async function shown(how: Looks = {}): Promise<Page> {
  const page = await chromium.open(`http://${admin.address}/`, how);
  await page.until(
    `document.querySelector('#tables table') && document.querySelectorAll('figure canvas').length === 4`,
  );
  return page;
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return;
  await mkdir(PICTURES, { recursive: true });
  await page.picture(path.join(PICTURES, name));
}

test('it says all that it should, and nothing goes wrong', skip, async () => {
  const page = await shown();
  const text = await page.run<string>('document.body.innerText');
  for (const said of [
    /not ready since \d\d:\d\d/,
    /What to do\n.*kafka: .* since \d\d:\d\d\n+Nothing is lost while there is room/s,
    /Lines and samples/,
    /Lag/,
    /waiting 10 B of 1\.0 GiB/,
    /CPU 2 %/,
    /Books\n/,
    /Files, the worst first/,
    /Topics\n/,
    /the kernel dropped datagrams/,
    /Steps of logs/,
    /StatsD \(12 series\)/,
  ]) {
    assert.match(text, said);
  }
  assert.deepEqual(page.errors, []);
  for (const url of page.requests) assert.ok(url.startsWith(`http://${admin.address}/`) || url === 'data:,', url);
  await picture(page, 'light.png');
});

test('plots have lines: pixels of both colours', skip, async () => {
  const page = await shown();
  const colors = `(() => {
    const canvas = document.querySelector('figure canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const hex = (i) => '#' + [...data.slice(i, i + 3)].map((n) => n.toString(16).padStart(2, '0')).join('');
    const seen = {};
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen[hex(i)] = (seen[hex(i)] ?? 0) + 1;
    return seen;
  })()`;
  await page.until(`(${colors})['#0b62c4'] > 50`);
  assert.ok((await page.run<Record<string, number>>(colors))['#b45309']! > 20);
});

test('what comes from outside is text', skip, async () => {
  const page = await shown();
  await page.run(`document.querySelector('#names summary').click()`);
  await page.until(`document.querySelector('#names td')`);
  assert.equal(await page.run('document.title'), '! a-long-name-of-a-host.in-a-zone.example.com · runnel');
  assert.equal(await page.run(`document.querySelectorAll('main img, main script').length`), 0);
  const text = await page.run<string>('document.body.textContent');
  assert.ok(text.includes(`/var/log/${EVIL}.log`));
  assert.ok(text.includes(`${EVIL}.hits`));
  assert.deepEqual(page.errors, []);
});

/** Text that is seen, with less contrast than it should have on the ground below it. */
const FAINT = `(() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = numbers(color).map((n) => n / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if ((numbers(color)[3] ?? 1) > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const faint = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || !element.checkVisibility() || element.closest('script, noscript')) continue;
    seen++;
    const [one, other] = [getComputedStyle(element).color, groundOf(element)].map(luminance).sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < ${LEAST}) faint.push(node.data + ' ' + ratio.toFixed(2));
  }
  return { faint, seen, ground: getComputedStyle(document.body).backgroundColor };
})()`;

for (const dark of [false, true]) {
  test(`text has a contrast of ${LEAST}:1 ${dark ? 'by night' : 'by day'}`, skip, async () => {
    const page = await shown({ dark });
    await page.run(`for (const one of document.querySelectorAll('details')) one.open = true`);
    const { faint, seen, ground } = await page.run<{ faint: string[]; seen: number; ground: string }>(FAINT);
    assert.equal(ground, dark ? 'rgb(16, 20, 24)' : 'rgb(255, 255, 255)');
    assert.ok(seen > 100, `${seen} texts`);
    assert.deepEqual(faint, []);
    await picture(page, dark ? 'dark.png' : 'light-open.png');
  });
}

test('on a telephone nothing is wider than the screen', skip, async () => {
  const page = await shown({ width: 390, height: 844, dark: true });
  await page.run(`for (const one of document.querySelectorAll('details')) one.open = true`);
  await page.until(`document.querySelector('#names td')`);
  const wide = `[...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > 391).map((one) => one.outerHTML.slice(0, 200))`;
  await page.until(`document.querySelector('figure canvas').getBoundingClientRect().right <= 390`);
  assert.deepEqual(await page.run(wide), []);
  assert.equal(await page.run('document.documentElement.scrollWidth'), 390);
  assert.equal(
    await page.run(`document.querySelectorAll('.wide').values().some((one) => one.scrollWidth > one.clientWidth)`),
    false,
  );
  await picture(page, 'narrow.png');
});

test('all can be done with keys, and where they are is seen', skip, async () => {
  const page = await shown();
  const here = () =>
    page.run<string>(`document.activeElement.tagName + ' ' + (document.activeElement.textContent ?? '').slice(0, 30)`);
  const order: string[] = [];
  for (let i = 0; i < 12; i++) {
    await page.press('Tab');
    order.push(await here());
    assert.equal(await page.run(`getComputedStyle(document.activeElement).outlineStyle`), 'solid', order.at(-1)!);
    if (order.at(-1)!.startsWith('SUMMARY')) break;
  }
  assert.match(order[0]!, /^BUTTON Pause/);
  assert.deepEqual(order.filter((one) => one.startsWith('FIGURE')).length, 4);
  assert.match(order.at(-1)!, /^SUMMARY Checks/);
  await page.press('Enter');
  await page.until(`document.activeElement.parentElement.open`);
  // The cursor of a plot.
  await page.run(`document.querySelector('figure').focus()`);
  await page.press('Home');
  await page.until(`/\\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('figcaption .time').textContent)`);
  const first = await page.run(`document.querySelector('figcaption .time').textContent`);
  await page.press('End');
  await page.until(`document.querySelector('figcaption .time').textContent !== ${JSON.stringify(first)}`);
  await page.press('Escape');
  await page.until(`document.querySelector('figcaption .time').textContent === ''`);
});

test('what its reader opened stays open while it goes on; paused it stands still', skip, async () => {
  const page = await shown();
  await page.run(`document.querySelector('#tables summary').click()`);
  status = { ...busy(), version: '2.0.0' };
  await page.until(`document.body.textContent.includes('2.0.0')`);
  assert.equal(await page.run(`document.querySelector('#tables details').open`), true);
  await page.run(`document.querySelector('#pause').click()`);
  assert.equal(await page.run(`document.querySelector('#pause').getAttribute('aria-pressed')`), 'true');
  const asked = page.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(page.requests.length, asked);
});

test('an agent that does not answer is said, and what it said last stays', skip, async () => {
  const page = await shown();
  const offline = { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  await page.send('Network.emulateNetworkConditions', offline);
  await page.until(`document.querySelector('#state').textContent === 'the agent does not answer'`);
  assert.ok(await page.run(`document.querySelector('#tables table') !== null`));
});
