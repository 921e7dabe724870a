/**
 * What `mask` costs on lines that hold no secret: `node test/bench/mask.ts`. ns a byte, the best of many rounds over a batch
 * in memory.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_RULES, MaskLab } from '../support/mask-twin.ts';
import type { Figure } from './bench.ts';
import { JSON_WRITERS, writeLines } from './written-lines.ts';

const ROUNDS = 600;
const BYTES = 500_000;
/** What a configuration may name, but `password`, which is a rule of our own. */
const USUAL = ALL_RULES.filter(({ rule }) => rule !== 'password');
const CASES = { card: ALL_RULES.slice(0, 1), 'all but password': USUAL, all: ALL_RULES };

export async function maskCosts(): Promise<{ name: string; ns: number }[]> {
  const lab = await MaskLab.make();
  const folder = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  const found: { name: string; ns: number }[] = [];
  try {
    for (const writer of JSON_WRITERS) {
      const path = join(folder, 'a.log');
      writeLines(path, writer, 5000);
      const text = readFileSync(path, 'utf8').slice(0, BYTES);
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
      for (const [name, rules] of Object.entries(CASES)) {
        found.push({ name: `${writer}, ${name}`, ns: lab.cost(rules, lines, ROUNDS) });
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return found;
}

/** `npm run bench -- mask`. */
export async function maskFigures(): Promise<Figure[]> {
  const costs = await maskCosts();
  return costs.map(({ name, ns }) => ({
    name: `mask, clean lines of ${name}`,
    value: ns,
    unit: 'ns/byte',
    at_most: 0.9,
  }));
}

if (import.meta.main) {
  for (const { name, ns } of await maskCosts()) console.log(`mask ${name.padEnd(32)} ${ns.toFixed(3)} ns a byte`);
}
