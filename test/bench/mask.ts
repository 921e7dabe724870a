/**
 * What `mask` costs on lines that hold no secret, in ns a byte: the best of many rounds over a batch in memory.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_RULES, MaskLab } from '../support/mask-twin.ts';
import type { Figure, Wanted } from './bench.ts';
import { JSON_WRITERS, writeLines } from './written-lines.ts';

const ROUNDS = 600;
const BYTES = 500_000;
/** What a configuration may name, but `password`, which is a rule of our own. */
const USUAL = ALL_RULES.filter(({ rule }) => rule !== 'password');
const CASES = { card: ALL_RULES.slice(0, 1), 'all but password': USUAL, all: ALL_RULES };

/** `npm run bench -- mask`. */
export async function* maskFigures(wanted: Wanted): AsyncGenerator<Figure> {
  const lab = await MaskLab.make();
  const folder = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  const path = join(folder, 'a.log');
  try {
    for (const writer of JSON_WRITERS) {
      writeLines(path, writer, 5000);
      const text = readFileSync(path, 'utf8').slice(0, BYTES);
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
      for (const [rules, tested] of Object.entries(CASES)) {
        const name = `mask, clean lines of ${writer}, ${rules}`;
        if (wanted(name)) yield { name, value: lab.cost(tested, lines, ROUNDS), unit: 'ns/byte', at_most: 0.9 };
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
