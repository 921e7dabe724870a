/** The page, as it is seen: by its colours, and in a browser where there is one. */
// Slow: starts a browser.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGE } from '../../src/report/page.ts';
import { tablesOf } from '../../src/report/tables.ts';
import { statusOf } from '../support/status.ts';

const LEAST = 4.5;
const STYLE = /<style>([\s\S]*)<\/style>/.exec(PAGE)![1]!;

/** Of WCAG 2: `#abc` or `#aabbcc`. */
function luminance(color: string): number {
  const digits = color.slice(1).replace(/^(.)(.)(.)$/, '$1$1$2$2$3$3');
  const [r, g, b] = [0, 2, 4].map((at) => {
    const c = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

test(`text has a contrast of ${LEAST}:1 on its ground, by day and by night`, () => {
  assert.equal(contrast('#000', '#fff'), 21);
  const themes = [...STYLE.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) =>
    Object.fromEntries([...body!.matchAll(/(--\w+): (#\w+);/g)].map(([, name, c]) => [name!, c!])),
  );
  assert.equal(themes.length, 2);
  assert.match(STYLE, /body \{[^}]* color: var\(--text\); background: var\(--ground\);/);
  const used = [...STYLE.matchAll(/[ {]color: (\S+?);/g)].map(([, color]) => color!);
  for (const theme of themes) {
    for (const color of used) {
      const value = theme[/^var\((--\w+)\)$/.exec(color)?.[1] ?? ''];
      assert.ok(value, `${color} is a colour of a theme`);
      const ratio = contrast(value, theme['--ground']!);
      assert.ok(ratio >= LEAST, `${color}, ${value}: ${ratio.toFixed(2)}:1`);
    }
  }
});

test('the books of an input add up on the page', () => {
  const columns = /table\('Inputs', \[([^\]]*)\]/.exec(PAGE)![1]!;
  for (const name of [
    'received',
    'recovered',
    'forwarded',
    'filtered',
    'dropped',
    'on their way',
    'in the local log',
  ]) {
    assert.ok(columns.includes(`'${name}'`), name);
  }
});

/**
 * In a frame as wide as a telephone: what is wider than it, which words have a line's end within, what is
 * folded; then, what a reader opened and scrolled, once it is drawn anew.
 */
const LOOK = `<!doctype html><iframe src="/" width="390" height="844"></iframe><pre></pre><script>
const frame = document.querySelector('iframe');
const seen = setInterval(() => {
  const page = frame.contentDocument;
  if (!page?.querySelector('table')) return;
  clearInterval(seen);
  const broken = [];
  const walker = page.createTreeWalker(page.getElementById('status'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const word of node.data.matchAll(/[^\\s\\/-]+/g)) {
      const range = page.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) broken.push(word[0]);
    }
  }
  const folded = [...page.querySelectorAll('details:not([open]) summary')].map((one) => one.textContent);
  const { clientWidth, scrollWidth } = page.documentElement;
  const first = page.querySelector('.wide');
  first.scrollLeft = 20;
  page.querySelector('summary').click();
  const anew = setInterval(() => {
    const { scrollLeft } = page.querySelector('.wide');
    if (first.isConnected) return;
    clearInterval(anew);
    const open = page.querySelector('details').open;
    document.querySelector('pre').textContent = JSON.stringify({ clientWidth, scrollWidth, broken, folded, scrollLeft, open });
  }, 50);
}, 50);
</script>`;

const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking'.split(' ');

test('on a telephone it is as wide as the screen, with whole words', {
  skip: CHROMIUM ? false : 'NOT TESTED: there is no Chromium',
}, async (t) => {
  const status = statusOf({
    host: 'a-long-name-of-a-host.in-a-zone.example.com',
    reasons: ['kafka: no broker answers'],
  });
  status.logs[0]!.files[0]!.path = '/var/log/pods/kube-system_a-pod-of-some-length-7d4f9/container/0.log';
  const answers: Record<string, string> = { '/': PAGE, '/look': LOOK };
  answers['/status?files=0'] = JSON.stringify(status);
  answers['/tables?files=20'] = JSON.stringify(tablesOf(status));
  const server = createServer(({ url }, response) => {
    const text = answers[url!];
    response.writeHead(text ? 200 : 404, { 'content-type': text?.startsWith('<') ? 'text/html' : 'application/json' });
    response.end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const profile = await mkdtemp(join(tmpdir(), 'runnel-page-'));
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/look`;
  const args = [...FLAGS, `--user-data-dir=${profile}`, '--virtual-time-budget=5000', '--dump-dom', url];
  const dom = await new Promise<string>((resolve, reject) => {
    execFile(CHROMIUM!, args, { timeout: 60_000 }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const found = /<pre>(\{.*\})<\/pre>/.exec(dom)?.[1];
  assert.ok(found, dom);
  const { clientWidth, scrollWidth, broken, folded, scrollLeft, open } = JSON.parse(found.replaceAll('&amp;', '&'));
  assert.ok(scrollWidth <= clientWidth, `${scrollWidth} is wider than ${clientWidth}`);
  assert.deepEqual(broken, []);
  assert.deepEqual(folded, ['Checks']);
  // Drawn anew: as its reader left it.
  assert.deepEqual([scrollLeft, open], [20, true]);
});
