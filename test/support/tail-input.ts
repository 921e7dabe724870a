/** Inputs of the tail source as a configuration makes them: what a user cannot write is refused here, too. */
import { configFrom } from '../../src/options.ts';
import type { LogConfig } from '../../src/sources/tail/options.ts';

export type TailInput = LogConfig;

/** Of what is a duration: the least that a user may write, milliseconds. No test waits for so long. */
const LEAST = { rotate_wait: 1000, delete_after: 60_000, forget_after: 3_600_000, ignore_older: 1000 } as const;
type Wait = keyof typeof LEAST;

export type TailValues = Partial<Omit<TailInput, 'multiline'>> & {
  multiline?: Partial<NonNullable<TailInput['multiline']>> | undefined;
};

/** Lines as they are, of an input `test`; the values as the agent has them: milliseconds, bytes, null for never. */
export function tailInput(values: TailValues): TailInput {
  const written: Record<string, unknown> = { name: 'test', topic: 'logs', encoding: 'raw', ...values };
  const sooner: Partial<Record<Wait, number>> = {};
  for (const [key, least] of Object.entries(LEAST) as [Wait, number][]) {
    const ms = values[key];
    if (ms === undefined) continue;
    written[key] = ms === null ? 'never' : `${Math.max(ms, least)}ms`;
    if (ms !== null && ms < least) sooner[key] = ms;
  }
  for (const key of ['max_line', 'hold_deleted'] as const) {
    if (values[key] !== undefined) written[key] = `${values[key]}B`;
  }
  if (values.max_files !== undefined) written.max_files = String(values.max_files);
  if (values.multiline) {
    const { max_lines, max_bytes, timeout, ...patterns } = values.multiline;
    written.multiline = {
      ...patterns,
      ...(max_lines !== undefined && { max_lines: `${max_lines}` }),
      ...(max_bytes !== undefined && { max_bytes: `${max_bytes}B` }),
      ...(timeout !== undefined && { timeout: `${timeout}ms` }),
    };
  }
  const [input] = configFrom({ logs: [written] }, {}).logs;
  return { ...input!, ...sooner };
}
