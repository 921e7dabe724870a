/**
 * Makes a script that fails short: takes out ever smaller pieces, then makes the numbers small, as long as it goes on
 * failing. What a script does is partly the machine's choice, so each is tried more than once.
 */
import type { Step } from './script.ts';

export interface Shrunk {
  script: Step[];
  /** How it fails. */
  what: string;
  runs: number;
}

export interface ShrinkOptions {
  /** Runs of a script that must not fail before it counts as one that does not. */
  tries?: number;
  /** No new run is begun after this. */
  budget_ms?: number;
}

/** `fails` says how a script fails, or null. Null: this one did not fail again. */
export async function shrink(
  script: readonly Step[],
  fails: (script: readonly Step[]) => Promise<string | null>,
  { tries = 3, budget_ms = 120_000 }: ShrinkOptions = {},
): Promise<Shrunk | null> {
  const deadline = performance.now() + budget_ms;
  let best = [...script];
  let what: string | null = null;
  let runs = 0;
  const seen = new Set<string>();
  const better = async (candidate: Step[]): Promise<boolean> => {
    const key = JSON.stringify(candidate);
    if (seen.has(key)) return false;
    seen.add(key);
    for (let i = 0; i < tries && performance.now() < deadline; i++) {
      runs++;
      const said = await fails(candidate);
      if (said === null) continue;
      best = candidate;
      what = said;
      return true;
    }
    return false;
  };
  if (!(await better(best))) return null;
  for (let before = ''; before !== JSON.stringify(best) && performance.now() < deadline; ) {
    before = JSON.stringify(best);
    for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      // From the end: what comes last is what can most often go.
      for (let at = best.length - size; at > -size; at -= size) {
        await better([...best.slice(0, Math.max(0, at)), ...best.slice(at + size)]);
      }
    }
    for (let i = 0; i < best.length; i++) {
      for (let before: Step | undefined; before !== best[i]; ) {
        before = best[i]!;
        for (const simpler of simplerThan(before)) if (await better(best.with(i, simpler))) break;
      }
    }
  }
  return { script: best, what: what!, runs };
}

/** The step with one of its values left out, or smaller. */
function* simplerThan(step: Step): Iterable<Step> {
  for (const [name, value] of Object.entries(step)) {
    if (name === 'do') continue;
    if (step.do === 'world' || typeof value === 'boolean') {
      const { [name]: _, ...rest } = step as Record<string, unknown>;
      yield rest as Step;
    } else if (typeof value === 'number') {
      for (const less of new Set([0, 1, value >> 1, value - 1]))
        if (less >= 0 && less < value) yield { ...step, [name]: less } as Step;
    }
  }
}

/** A test to be pasted. */
export function asTest({ script, what }: Shrunk, name: string): string {
  const steps = script.map((step) => {
    const fields = Object.entries(step).map(([key, value]) => `${key}: ${JSON.stringify(value).replaceAll('"', "'")}`);
    return `    { ${fields.join(', ')} },\n`;
  });
  const said = what.split('\n').map((line) => `  // ${line}\n`);
  return `test('${name}', async () => {\n${said.join('')}  await holds([\n${steps.join('')}  ]);\n});\n`;
}
