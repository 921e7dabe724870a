/**
 * How far the clock is from the time that it is kept to, by adjtimex(2), and whether anything keeps it. Where that may not
 * be asked (a sandbox without @clock, as the agent's own unit), systemd-timesyncd's mark says whether it is kept. Where
 * there is Kafka, how far it is from Kafka's.
 */
import { clockState } from '../native.ts';
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { type AskOtherClock, KafkaClock } from './kafka-clock.ts';

const TIMESYNC = '/run/systemd/timesync';

export interface ClockState {
  /** Seconds. */
  offset: number;
  mostError: number;
  estimatedError: number;
  synchronised: boolean;
}

/** `struct timex` of 64-bit Linux, and what the call returned. */
export function parseTimex(timex: Buffer, returned: number): ClockState {
  const TIME_ERROR = 5;
  const STA_UNSYNC = 0x40;
  const STA_NANO = 0x2000;
  const status = timex.readInt32LE(40);
  const at = (place: number) => Number(timex.readBigInt64LE(place));
  return {
    offset: at(8) / (status & STA_NANO ? 1e9 : 1e6),
    mostError: at(24) / 1e6,
    estimatedError: at(32) / 1e6,
    synchronised: returned !== TIME_ERROR && (status & STA_UNSYNC) === 0,
  };
}

export function reportClock(meter: Meter, state: ClockState): void {
  meter.gauge('system.time.synchronised', state.synchronised ? 1 : 0, '1');
  meter.gauge('system.time.offset', state.offset, 's');
  meter.gauge('system.time.max_error', state.mostError, 's');
  meter.gauge('system.time.estimated_error', state.estimatedError, 's');
}

export function clock(host: HostFiles, _: unknown, ask?: AskOtherClock): Check {
  const kafka = ask ? new KafkaClock(ask) : null;
  return (meter, signal) => {
    const isKnown = kafka?.report(meter, signal) ?? false;
    const asked = clockState();
    if (asked) return reportClock(meter, parseTimex(asked.timex, asked.returned));
    if (!isKnown) meter.lack('the offset of the clock may not be asked here (adjtimex: the service has no @clock)');
    if (host.has(TIMESYNC)) {
      meter.gauge('system.time.synchronised', host.has(`${TIMESYNC}/synchronized`) ? 1 : 0, '1');
    }
  };
}
