/** `node line-writer.ts PATH line|bulk LINES_A_SECOND BYTES`: appends lines of so many bytes until it is killed. */
import { openSync, writeSync } from 'node:fs';

const [path, how, perSecond, bytes] = process.argv.slice(2);
const fd = openSync(path!, 'a');
const line = Buffer.from(`${'x'.repeat(Number(bytes) - 1)}\n`);
/** What is written at once in bulk, and behind at most. */
const MOST = 1000;
const bulk = Buffer.alloc(MOST * line.length, line);
const start = performance.now();
let written = 0;
for (;;) {
  const due = Math.min(Math.floor(((performance.now() - start) / 1000) * Number(perSecond)) - written, MOST);
  if (how === 'bulk') {
    if (due > 0) writeSync(fd, bulk, 0, due * line.length);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, due === MOST ? 0 : 20);
  } else for (let i = 0; i < due; i++) writeSync(fd, line);
  written += Math.max(due, 0);
}
