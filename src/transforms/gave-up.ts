/** Lines on which a pattern takes too many steps: they count as not matching, and the log says so. */
import type { Batch } from '../core/batch.ts';
import { RegexKernel } from '../kernel/process/regex.ts';
import type { ProcessKernel } from '../kernel/process.ts';
import { log } from '../log.ts';

/** What `run` gives, which runs the pattern `source` over a batch. */
export function tellingGaveUp<T>(kernel: ProcessKernel, { stream }: Batch, source: string, run: () => T): T {
  const regex = RegexKernel.of(kernel);
  regex.takeGaveUp();
  const result = run();
  const count = regex.takeGaveUp();
  if (count > 0) {
    const pattern = source.length > 80 ? `${source.slice(0, 80)}...` : source;
    log.warnOnce(
      `pattern ${stream.key} ${stream.name}`,
      `${stream.name} has lines on which the pattern ${pattern} takes too many steps: they count as not matching; write it so that it begins with ^ and repeats less`,
    );
  }
  return result;
}
