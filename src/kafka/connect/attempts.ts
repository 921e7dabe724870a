/** Tries until it works: Kafka being away is no error. */
import { abortable, Backoff } from '../../core/abort.ts';
import { log } from '../../log.ts';
import { actionFor, BrokerError, LinkError } from '../wire/errors.ts';
import type { Presence } from './presence.ts';
import { PartitionGone, TopicError } from './topic.ts';

export interface Attempts {
  presence: Presence;
  /** Aborted: what was asked went to brokers that are not to be asked any more. */
  changing: () => AbortSignal;
  /** The longest pause between two, milliseconds. */
  longestPause: number | undefined;
}

/** `waits` hears why it does not work. What a broker refuses for good (a missing right) is thrown, and a partition's end. */
export async function untilDone<T>(
  { presence, changing, longestPause }: Attempts,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
  waits?: (error: Error) => void,
): Promise<T> {
  const backoff = new Backoff(longestPause);
  let away = false;
  for (;;) {
    signal.throwIfAborted();
    const asked = changing();
    try {
      // A broker that says nothing must not hold up a stop.
      return await abortable(attempt(signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (asked.aborted) continue;
      if (error instanceof PartitionGone) throw error;
      if (error instanceof BrokerError && actionFor(error.code) === 'denied') throw error;
      waits?.(error as Error);
      // Kafka is back and the topic not there yet (just created, say): the long pauses were for the outage.
      if (away && error instanceof TopicError) backoff.reset();
      away = error instanceof LinkError;
      if (error instanceof LinkError) presence.broken(error);
      else if (!(error instanceof TopicError)) presence.trouble(error as Error);
      log.debug(`kafka: ${(error as Error).message}`);
    }
    await backoff.wait(signal, presence.back);
  }
}
