/** The engine for regular expressions: against V8 on random patterns and lines, and its bound on lines made to break it. */
import assert from 'node:assert/strict';
import { fuzzRegex, hostileRegex } from '../support/regex-fuzz.ts';

const COMPARISONS = 615_000;
const PATTERNS_AT_ONCE = 1000;
const LINES = 60;
/** No line of 64 KiB takes a pattern longer. */
const MOST_MS = 1;

export function proveRegex(seed: number): string {
  const sum = { compared: 0, matched: 0, refused: 0, gaveUp: 0 };
  for (let round = 0; sum.compared < COMPARISONS; round++) {
    const found = fuzzRegex(seed + round, PATTERNS_AT_ONCE, LINES);
    assert.deepEqual(found.differences, [], `seed ${seed + round}`);
    for (const key of ['compared', 'matched', 'refused', 'gaveUp'] as const) sum[key] += found[key];
  }
  assert.equal(sum.gaveUp, 0);
  return `regular expressions: ${sum.compared} comparisons with V8 (seed ${seed}), ${sum.matched} of them matches, no difference; ${sum.refused} patterns refused`;
}

export function proveRegexBound(seed: number, patterns: number): string {
  const { slowest, ...found } = hostileRegex(seed, patterns);
  const { ms, source, motif } = slowest;
  const text = `${found.patterns} patterns on lines of 64 KiB (seed ${seed}): the slowest took ${ms.toFixed(3)} ms, ${source} on ${motif}; ${found.gaveUp} gave up, ${found.refused} refused`;
  assert.ok(ms <= MOST_MS, text);
  return text;
}
