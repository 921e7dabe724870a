/** What lines of an input pass before the steps that are written: fields that are known, and rules of `alerts` that count. */
import type { CommonConfig } from '../../config/config.ts';
import type { Condition } from '../../transforms/condition.ts';
import type { StepConfig } from '../../transforms/process.ts';
import { suppliedStep } from '../../transforms/supplied.ts';
import { watchStep } from '../../transforms/watch.ts';
import { CELLS } from './journald/fields.ts';
import type { LogConfig } from './options.ts';

/** What of the configuration says what rules count; what is not there counts none. */
interface WatchedLines {
  alerts?: { rules: readonly { name: string; log: { input: string; match: Condition } | null }[] };
}

/** All steps of an input, those that nobody has written first. */
export function stepsOf(config: CommonConfig, { name, journald, encoding, process }: LogConfig): StepConfig[] {
  const known = journald && encoding === 'json' ? [suppliedStep(CELLS)] : [];
  return [...known, ...watchSteps(config as WatchedLines, name), ...process];
}

/** The steps that count them change nothing. */
function watchSteps({ alerts }: WatchedLines, input: string): StepConfig[] {
  return (alerts?.rules ?? []).flatMap(({ name, log }) =>
    log?.input === input ? [watchStep({ rule: name, match: log.match })] : [],
  );
}
