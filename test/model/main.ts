/**
 * Runs many scripts and shrinks those that fail:
 *
 *   npm run test:model -- --seeds 1000 [--from 1] [--steps 300] [--jobs 2] [--shrink SECONDS] [--limit SECONDS]
 *
 * `limit`: what has to arrive and has not after so long is missing. `shrink`: the time for making a failure short.
 * Prints each failure as a test that can be pasted into model.test.ts. Exit 1: something failed.
 */
import { parseArgs } from 'node:util';
import { run } from './run.ts';
import { generate, type Step } from './script.ts';
import { asTest, shrink } from './shrink.ts';

const DEFAULTS = { seeds: 100, from: 1, steps: 300, jobs: 2, shrink: 120, limit: 25 };
const { seeds, from, steps, jobs, shrink: shrink_s, limit } = options();

function options(): typeof DEFAULTS {
  const wanted = Object.keys(DEFAULTS).map((name) => [name, { type: 'string' }] as const);
  const { values } = parseArgs({ options: Object.fromEntries(wanted) });
  const found: Record<string, number> = { ...DEFAULTS };
  for (const [name, text] of Object.entries(values)) {
    if (!/^\d+$/.test(String(text))) {
      console.error(`--${name} ${text}: it is a whole number`);
      process.exit(2);
    }
    found[name] = Number(text);
  }
  return found as typeof DEFAULTS;
}

/** Longer than anything takes that is seen at once; what is only found late counts as a failure while shrinking. */
const SHRINK_LIMIT_MS = 4000;
const began = performance.now();
let next = from;
let records = 0;
let slowest = 0;
let failures = 0;

/** Says how it fails if it does so in this way. */
async function fails(script: readonly Step[], kind: string): Promise<string | null> {
  const { failure } = await run(script, { limit_ms: SHRINK_LIMIT_MS });
  return failure?.kind === kind ? `step ${failure.step}: ${failure.what}` : null;
}

async function work(): Promise<void> {
  while (next < from + seeds) {
    const seed = next++;
    const script = generate(seed, steps);
    const outcome = await run(script, { limit_ms: limit * 1000 });
    records += outcome.records;
    slowest = Math.max(slowest, outcome.slowest);
    if (!outcome.failure) continue;
    failures++;
    const { step, kind, what, log } = outcome.failure;
    console.log(
      `seed ${seed} fails at step ${step} of ${script.length}: ${what}\n${log.split('\n').slice(-30).join('\n')}`,
    );
    if (shrink_s === 0) continue;
    // What came after the step that failed had no part in it.
    const shrunk = await shrink(script.slice(0, step + 1), (part) => fails(part, kind), {
      budget_ms: shrink_s * 1000,
    });
    if (shrunk) console.log(`shrunk in ${shrunk.runs} runs:\n${asTest(shrunk, `seed ${seed}`)}`);
    else console.log(`seed ${seed} did not fail again\n`);
  }
}

await Promise.all(Array.from({ length: jobs }, work));
const took = ((performance.now() - began) / 1000).toFixed(0);
console.log(
  `${seeds} seeds of ${steps} steps in ${took} s: ${failures} failed; ${records} records, longest wait ${slowest.toFixed(0)} ms`,
);
process.exitCode = failures > 0 ? 1 : 0;
