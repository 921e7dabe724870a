/**
 * What a check in a module of its own is: `@runnel/agent/check`. A module has one as its default export:
 *
 *   import { defineCheck } from '@runnel/agent/check';
 *   export default defineCheck({
 *     async run({ gauge, options, signal }) {
 *       gauge('queue.size', await size(options.url, { signal }), { queue: 'a' });
 *     },
 *   });
 */
export interface CheckContext<Options = Record<string, unknown>> {
  /** What is so now. */
  gauge(name: string, value: number, attributes?: Record<string, string>, unit?: string): void;
  /** What was counted since the last run. */
  count(name: string, value: number, attributes?: Record<string, string>, unit?: string): void;
  /** A counter as its owner keeps it: its increase since the last run is sent. */
  total(name: string, value: number, attributes?: Record<string, string>, unit?: string): void;
  /** One observation; those of a run are sent together. */
  histogram(name: string, value: number, attributes?: Record<string, string>, unit?: string): void;
  /** 0 ok, 1 warning, 2 critical, 3 unknown; the last one counts. */
  status(state: 0 | 1 | 2 | 3, message?: string): void;
  /** As they stand in the configuration. */
  readonly options: Options;
  /** Aborts when the check's time is over; the process of all modules is ended then. */
  readonly signal: AbortSignal;
}

export interface CheckDefinition<Options = Record<string, unknown>> {
  /** One measurement; never two at a time. */
  run(context: CheckContext<Options>): void | Promise<void>;
}

/** What is given, with its types. */
export function defineCheck<Options = Record<string, unknown>>(
  definition: CheckDefinition<Options>,
): CheckDefinition<Options> {
  return definition;
}
