/** What the steps of an input say of themselves in the status, and how that is shown. */
import type { Step } from '../core/pipeline.ts';
import { faults, formatCount, type Table } from '../core/table.ts';
import { count } from '../core/units.ts';
import { SUPPLIED } from './supplied.ts';
import { WATCH_LINES } from './watch.ts';

/** A step of an input's `process`. */
export interface StepStatus {
  /** From 1, those of presets each. */
  step: number;
  verb: string;
  /** Records that came, and that were left. */
  in: number;
  out: number;
  failed: number;
  /** Those that took the slow way, if there are any: as lines of JSON that only JavaScript can take apart. */
  slow?: number;
  /** Times that a pattern would have taken too many steps for one, and counted as not matching, if there are any. */
  gave_up?: number;
}

/** Of fewer lines it says nothing that none was left. */
const MANY = 1000;

export function stepStatuses(steps: readonly Step[]): StepStatus[] {
  const written = steps.filter(({ verb }) => verb !== WATCH_LINES && verb !== SUPPLIED);
  return written.map(({ verb, in: came, out, failed, slow, gaveUp }, i) => {
    const odd = { ...(slow > 0 && { slow }), ...(gaveUp > 0 && { gave_up: gaveUp }) };
    return { step: i + 1, verb, in: came, out, failed, ...odd };
  });
}

export function stepLines(steps: readonly StepStatus[]): string[] {
  return steps.map(({ step, verb, in: came, out, failed, slow = 0, gave_up = 0 }) => {
    const odd = Object.entries({ failed, slow, 'gave up': gave_up }).filter(([, number]) => number > 0);
    const beside = odd.map(([what, number]) => `, ${number} ${what}`).join('');
    return `  step ${step}, ${verb}: ${count(came, 'line')} in, ${out} out${beside}`;
  });
}

/** What may not be meant so. `name`: of the input. */
export function stepNotices(name: string, steps: readonly StepStatus[]): string[] {
  return steps.flatMap(({ step, verb, in: came, out }) => {
    if (came < MANY || out > 0) return [];
    return [`${name}: step ${step} has dropped all ${came.toLocaleString('en-US')} lines (${verb})`];
  });
}

/** For the page; none where there are no steps. */
export function stepTables(name: string, steps: readonly StepStatus[]): Table[] {
  if (steps.length === 0) return [];
  const rows = steps.map(({ step, verb, in: came, out, failed }) => {
    return [`${step} ${verb}`, formatCount(came), formatCount(out), faults(failed)];
  });
  return [{ title: `Steps of ${name}`, heads: ['', 'in', 'out', 'failed'], rows }];
}
