/** What `validate --deep` finds, and how far the clocks are from each other. */
import { parseTimex } from '../../checks/clock.ts';
import { formatFault } from '../../config/errors.ts';
import type { Tell } from '../../core/diagnosis.ts';
import { count, formatDuration } from '../../core/units.ts';
import { clockState } from '../../native.ts';
import type { LocatedConfig } from '../../options.ts';
import { askKafka, type DeepAnswer } from '../validate-deep.ts';

/** As the alerts runnel-clock-ahead and runnel-clock-behind have it. */
const CLOCK_OFF_MS = 30_000;
/** Others say what to do in their sentence. */
const REACH =
  "try it from here: nc -vz HOST PORT, with TLS openssl s_client -connect HOST:PORT; then look at the broker's log";

export async function diagnoseKafka(loaded: LocatedConfig, tell: Tell): Promise<void> {
  const answer = await askKafka(loaded);
  if (answer === null) {
    const message = 'kafka.brokers is empty: everything goes to the local log';
    tell({ level: 'ok', about: 'kafka', message });
    return;
  }
  const { cluster, brokers, topics, findings } = answer;
  for (const { level, ...fault } of findings) {
    const remedy = /cannot be used/.test(fault.message) ? { remedy: REACH } : {};
    tell({ level, about: 'kafka', message: formatFault(fault), ...remedy });
  }
  if (cluster === null) return;
  const usable = brokers.filter(({ error }) => error === null).length;
  if (usable === brokers.length) {
    const message = `cluster ${cluster}: ${count(usable, 'broker')} can be used, ${count(topics.length, 'topic')} asked for`;
    tell({ level: 'ok', about: 'kafka', message });
  }
  const asked = answer.clock === null ? clockState() : null;
  judgeClock(answer.clock, asked && parseTimex(asked.timex, asked.returned).synchronised, tell);
}

/** `kept`: whether the kernel has our clock kept; null: not known, or not asked. */
export function judgeClock(clock: DeepAnswer['clock'], kept: boolean | null, tell: Tell): void {
  if (clock === null && kept === false) {
    const message =
      'is kept by nothing (no NTP), and Kafka does not tell its time to this agent (Describe on the cluster)';
    tell({ level: 'warning', about: 'clock', message, remedy: 'timedatectl set-ntp true, or chrony' });
    return;
  }
  if (clock === null) {
    tell({
      level: 'ok',
      about: 'clock',
      message: `${kept ? 'is kept; ' : ''}Kafka does not tell its time to this agent`,
    });
    return;
  }
  const off = Math.abs(clock.offset);
  const within = Math.max(1, Math.round(clock.error));
  if (off <= clock.error + CLOCK_OFF_MS) {
    const message = `is ${formatDuration(off / 1000)} from Kafka's, give or take ${within} ms`;
    tell({ level: 'ok', about: 'clock', message });
    return;
  }
  tell({
    level: 'warning',
    about: 'clock',
    message: `is ${formatDuration(off / 1000)} ${clock.offset > 0 ? 'behind' : 'ahead of'} Kafka's: @timestamp of all records is off by as much`,
    remedy:
      'have the clock kept: timedatectl set-ntp true, or chrony; on both sides, if it is not known which is wrong',
  });
}
