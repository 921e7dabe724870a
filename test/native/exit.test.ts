import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runDeaf } from '../support/deaf.ts';

const NATIVE = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/native.ts')));

test('an exit waits for no name that nobody answers for; who hears of exits hears of it', (t) => {
  const ran = runDeaf(
    t,
    `
    const { leave } = await import(${NATIVE});
    (await import('node:dns')).lookup('dead.internal', () => undefined);
    process.on('exit', (code) => console.log('heard', code));
    setTimeout(() => leave(3), 100);
  `,
  );
  if (!ran) return t.skip('NOT TESTED: needs root, unshare and ip');
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [3, 'heard 3\n', '']);
});
