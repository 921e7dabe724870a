/**
 * Regular expressions and grok in the kernel, net of finding lines, beside what V8 takes for the same (a string a line, and
 * `exec`). CPU time a line of an access log, the best of some rounds.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pattern } from '../../src/kernel/process/regex.ts';
import { expandGrok } from '../../src/transforms/grok/expand.ts';
import { regexBench } from '../support/regex-fuzz.ts';
import { writeAccessLog } from './access-log.ts';
import type { Figure, Wanted } from './bench.ts';

const LINES = 5000;
const ROUNDS = 40;
const NINE =
  '(?<client>\\S+) \\S+ (?<auth>\\S+) \\[(?<time>[^\\]]+)\\] "(?<method>\\S+) (?<path>\\S+) HTTP/[0-9.]+" (?<status>[0-9]{3}) (?<bytes>[0-9]+|-) "(?<referrer>[^"]*)" "(?<agent>[^"]*)"$';
const COMBINED = expandGrok('%{COMBINEDAPACHELOG}').source;
const WORDS = 'healthz|readyz|kube-probe|ELB-HealthChecker|favicon\\.ico|robots\\.txt';

export async function* patternFigures(wanted: Wanted): AsyncGenerator<Figure> {
  const { pool, kernel, regex, room } = regexBench();
  const slot = await pool.take(pool.share('bench'), 'batch');
  const lines = accessLines();
  const used = slot.bytes.write(`${lines.join('\n')}\n`);
  const count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + used, slot.bytesAt, 0);
  kernel.process.useSlot(slot);
  function* measure(name: string, source: string, search: boolean, at_most?: number): Generator<Figure> {
    const [kernelName, v8Name] = [`${name}: kernel`, `${name}: V8`];
    if (!wanted(kernelName, v8Name)) return;
    const pattern = new Pattern(source, { search, captures: 'named' });
    room.clear();
    const program = pattern.place(room);
    const out = room.reserve(count);
    const ours = best(count, () => regex.testLines(program, count, out));
    yield { name: kernelName, value: ours, unit: 'us/line', ...(at_most !== undefined && { at_most }) };
    if (!wanted(v8Name)) return;
    const re = new RegExp(source, search ? '' : 'y');
    const v8 = best(count, () => {
      for (let i = 0; i < count; i++) {
        re.lastIndex = 0;
        re.exec(slot.bytes.toString('latin1', slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt));
      }
    });
    yield { name: v8Name, value: v8, unit: 'us/line' };
  }
  yield* measure('regex, nine groups', NINE, false, 0.25);
  yield* measure('regex, six words, no hit, searched', WORDS, true);
  yield* measure('grok COMBINEDAPACHELOG', COMBINED, false);
  yield* measure('grok, no match, searched', `${COMBINED} took %{x}`.replace('%{x}', '(?<x>\\d+)'), true);
}

function best(count: number, run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = performance.now();
    run();
    least = Math.min(least, performance.now() - before);
  }
  return (least * 1000) / count;
}

function accessLines(): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  try {
    const path = join(dir, 'access.log');
    writeAccessLog(path, LINES);
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(0, LINES);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
