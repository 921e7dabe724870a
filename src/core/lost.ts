/** What a process that ends takes with it. */
import { log } from '../log.ts';
import type { Stream } from './batch.ts';

/**
 * What is on its way when nothing takes it any more: items that cannot be read again get their number, and are on their way
 * no longer.
 */
export function countLost(pending: Iterable<{ readonly stream: Stream; weight: number }>): void {
  const lost = new Map<string, number>();
  let gone = true;
  for (const part of pending) {
    const { stream, weight } = part;
    if ((stream.replayable && !stream.gone) || weight === 0) continue;
    part.weight = 0;
    gone &&= stream.gone === true;
    stream.account.drop('shutdown', weight);
    lost.set(stream.account.input, (lost.get(stream.account.input) ?? 0) + weight);
  }
  for (const [input, items] of lost) {
    const why = gone ? 'their files were truncated or deleted' : 'is the disk of data_dir full?';
    log.error(`${input}: ${items} items were not stored before the stop and are lost; ${why}`);
  }
}
