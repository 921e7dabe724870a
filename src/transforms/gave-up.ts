/** Lines on which a pattern takes too many steps: they count as not matching, which the step counts and the log says once. */
import type { Batch } from '../core/batch.ts';
import { RegexKernel } from '../kernel/process/regex.ts';
import { log } from '../log.ts';
import type { StepContext } from './verb.ts';

type Context = Pick<StepContext, 'kernel' | 'gaveUp'>;

/** What `run` gives, which runs the pattern `source` over a batch. */
export function tellingGaveUp<T>({ kernel, gaveUp }: Context, { stream }: Batch, source: string, run: () => T): T {
  const regex = RegexKernel.of(kernel.process);
  regex.takeGaveUp();
  const result = run();
  const count = regex.takeGaveUp();
  if (count > 0) {
    gaveUp(count);
    const pattern = source.length > 80 ? `${source.slice(0, 80)}...` : source;
    log.warnOnce(
      `pattern ${stream.key} ${stream.name}`,
      `${stream.name} has lines on which the pattern ${pattern} takes too many steps: they count as not matching, and are counted (gave_up); write it so that it begins with ^ and repeats less`,
    );
  }
  return result;
}
