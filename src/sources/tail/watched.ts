/** What lines of an input pass before the steps that are written: fields that are known, and rules of `alerts` that count. */
import type { CommonConfig } from '../../config/config.ts';
import type { Condition } from '../../transforms/condition.ts';
import { hasFields, type StepConfig } from '../../transforms/process.ts';
import { suppliedStep } from '../../transforms/supplied.ts';
import { WATCH_LINES, watchStep } from '../../transforms/watch.ts';
import { namesWith } from './containers/facts.ts';
import { CELLS } from './journald/fields.ts';
import type { LogConfig } from './options.ts';

/** What of the configuration says what rules count; what is not there counts none. */
interface WatchedLines {
  alerts?: { rules: readonly { name: string; log: { input: string; match: Condition } | null }[] };
}

/** All steps of an input, those that nobody has written first. */
export function stepsOf(config: CommonConfig, input: LogConfig): StepConfig[] {
  const { name, process } = input;
  return [...suppliedSteps(input), ...watchSteps(config as WatchedLines, name), ...process];
}

/** Whether rules count its lines. */
export function isWatched({ process }: LogConfig): boolean {
  return process.some(({ verb }) => verb === WATCH_LINES);
}

/** What is known of a container needs no step where records have no fields: it is in what goes around each. */
export function suppliedSteps({ journald, container, encoding, process }: LogConfig): StepConfig[] {
  if (encoding !== 'json') return [];
  if (journald) return [suppliedStep(CELLS)];
  return container && hasFields(process) ? [suppliedStep(namesWith(container.labels))] : [];
}

/** The steps that count them change nothing. */
function watchSteps({ alerts }: WatchedLines, input: string): StepConfig[] {
  return (alerts?.rules ?? []).flatMap(({ name, log }) =>
    log?.input === input ? [watchStep({ rule: name, match: log.match })] : [],
  );
}
