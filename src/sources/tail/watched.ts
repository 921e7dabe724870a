/** Which lines of an input rules of `alerts` count. */
import type { Condition } from '../../transforms/condition.ts';
import type { StepConfig } from '../../transforms/process.ts';
import { watchStep } from '../../transforms/watch.ts';

/** What of the configuration says so; what is not there counts none. */
export interface WatchedLines {
  alerts?: { rules: readonly { name: string; log: { input: string; match: Condition } | null }[] };
}

/** The steps that count them: they come before those that are written, and change nothing. */
export function watchSteps({ alerts }: WatchedLines, input: string): StepConfig[] {
  return (alerts?.rules ?? []).flatMap(({ name, log }) =>
    log?.input === input ? [watchStep({ rule: name, match: log.match })] : [],
  );
}
