import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { endOfData, lastNuls, nulsFrom } from '../../../../src/sources/tail/file/nuls.ts';

test('NULs at the beginning and at the end of bytes are counted, by pages and by ones', () => {
  for (const nuls of [0, 1, 7, 4095, 4096, 4097, 10_000]) {
    const bytes = Buffer.concat([Buffer.from('x'), Buffer.alloc(nuls), Buffer.from('y')]);
    assert.equal(nulsFrom(bytes, 1, bytes.length), nuls);
    assert.equal(nulsFrom(bytes, 1, bytes.length - 1), nuls);
    assert.equal(lastNuls(bytes, 0, bytes.length - 1), 1);
    assert.equal(lastNuls(bytes, 1, bytes.length - 1), 1);
    assert.equal(lastNuls(bytes, 0, bytes.length), bytes.length);
  }
});

test('the end of what was written is found before any number of NULs', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-nuls-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const check = (data: number, size: number) => {
    const fd = openSync(join(dir, 'file'), 'w+');
    writeSync(fd, Buffer.alloc(data, 'x'), 0, data, 0);
    if (size > data) writeSync(fd, '\0', size - 1);
    assert.equal(endOfData(fd, size), data, `${data} of ${size}`);
    closeSync(fd);
  };
  const sizes = [0, 1, 100, 4095, 4096, 4097, 8191, 8192, 12_288, 100_000, 1_000_000];
  for (const data of sizes) for (const more of [...sizes, 50_000_000]) check(data, data + more);
});
