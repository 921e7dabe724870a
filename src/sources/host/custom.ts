/**
 * A check of the configuration as an input of its own: run once an interval, some time after its multiple, so that many do
 * not begin in one moment; its records are of the window that ended there.
 *
 *   |------- window -------|------- window -------|
 *   10:00:00          10:00:10  run, emit     10:00:20  run, emit
 */
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { emitReceived } from '../../aggregate/emit.ts';
import { labelsJson, MetricRecords } from '../../aggregate/record.ts';
import { type Span, untilNext, windowAt } from '../../aggregate/window.ts';
import type { Found } from '../../checks/custom/collector.ts';
import { CRITICAL } from '../../checks/custom/custom.ts';
import type { CustomCheckConfig } from '../../checks/custom/options.ts';
import { CustomRunner } from '../../checks/custom/runner.ts';
import type { CheckStatus } from '../../checks/runner.ts';
import { abortable, pause } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import type { Measured } from '../../core/measured.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { type Envelope, valueEnvelope } from '../../records/envelope.ts';

/** Of the interval, and at most so long. */
const SPREAD = 0.1;
const MOST_SPREAD_MS = 1000;
/** Records that are made in one go: a few milliseconds. */
const PIECE = 500;
/** Characters: what a broker takes, with some room. */
const LONGEST = 256 << 10;
/** Intervals: from what came after a longer gap nothing is concluded. */
const LONGEST_GAP = 3;

export interface CustomOptions {
  check: CustomCheckConfig;
  /** Milliseconds. */
  interval: number;
  topic: string;
  host: string;
  tags: Record<string, string>;
  account: Account;
  nextWindowId: () => string;
  /** Looks at them before they leave. */
  measured?: Measured;
}

export interface CustomSource extends Source {
  status(): CheckStatus;
  /** What is wrong with it. */
  problem(): string | null;
}

export function customSource(options: CustomOptions): CustomSource {
  const { check, interval, account, host, tags } = options;
  const key = valueEnvelope(host);
  const stream: Stream = {
    name: `check ${check.name}`,
    topic: options.topic,
    key: host,
    account,
    replayable: false,
    envelope: (): Envelope => key,
  };
  const runner = new CustomRunner(check);
  const labels = { ...tags, ...check.tags };
  const source = `check.${check.name}`;

  /** A piece at a time: many are no small work. */
  async function flush(output: Output, found: readonly Found[], window: Span, signal: AbortSignal): Promise<void> {
    const named = { ...window, id: options.nextWindowId() };
    const records = new MetricRecords({ host, dataset: check.name, labels }, named);
    for (let from = 0; from < found.length; from += PIECE) {
      const documents = found
        .slice(from, from + PIECE)
        .map(({ name, type, fields, unit, attributes, json }) =>
          records.make(JSON.stringify(name), type, fields, unit, json ?? labelsJson(attributes)),
        )
        .filter((document) => document.length <= LONGEST);
      runner.status.truncated =
        (runner.status.truncated ?? 0) + Math.min(PIECE, found.length - from) - documents.length;
      options.measured?.window(source, interval, documents, false);
      await hand(output, documents, signal);
      if (found.length > PIECE) await setImmediate();
    }
    options.measured?.window(source, interval, []);
  }

  /** What could not be handed over before the end is counted as lost. */
  async function hand(output: Output, documents: readonly string[], signal: AbortSignal): Promise<void> {
    await emitReceived(output, stream, documents, new Uint8Array(documents.length).fill(1), signal);
  }

  return {
    async run(output, signal) {
      // Of the last run, of the last one that came to its end (counters are told since then), and of the last turn.
      let [last, whole, turn] = [performance.now(), performance.now(), performance.now()];
      const spread = spreadOf(host, check.name, interval);
      try {
        while (await pause(untilNext(Date.now(), interval, interval / 20), signal)) {
          const now = performance.now();
          const at = Date.now();
          // A run that took longer than the interval.
          runner.status.skipped += Math.max(0, Math.floor((now - turn) / interval - 0.9));
          if (now - turn > LONGEST_GAP * interval) {
            runner.forget();
            last = whole = now - interval;
          }
          turn = now;
          if (!(await pause(spread, signal))) break;
          // A run is not waited for at a stop.
          const found = await abortable(runner.run(Math.min(check.timeout, interval)), signal).catch(() => null);
          if (found === null) continue;
          const failed = runner.status.last_error !== null;
          const window = windowAt(at, now - (failed ? last : whole), interval);
          last = now;
          if (!failed) whole = now;
          await flush(output, found, window, signal);
          say(check.name, runner);
        }
      } finally {
        await runner.close();
      }
    },
    status: () => ({ ...runner.status }),
    problem: () => (runner.status.last_error === null ? null : `check ${check.name}: ${runner.status.last_error}`),
  };
}

function say(name: string, { status }: CustomRunner): void {
  const { last_error, truncated, not_finite, state, message } = status;
  if (last_error !== null) log.warnOnce(`check ${name}`, `check ${name} failed: ${last_error}; it is tried again`);
  else if (state === CRITICAL) log.warnOnce(`check ${name} critical`, `check ${name} is critical: ${message ?? ''}`);
  if (truncated)
    log.warnOnce(
      `check ${name} truncated`,
      `check ${name}: ${truncated} measurements were left out: beyond max_series, there twice, or too long`,
    );
  if (not_finite)
    log.warnOnce(`check ${name} numbers`, `check ${name}: ${not_finite} values were left out: they are no numbers`);
}

/** Milliseconds: the same each time, and other ones for each check and host. */
export function spreadOf(host: string, name: string, interval: number): number {
  return (crc32(`${host}\0${name}`) / 2 ** 32) * Math.min(interval * SPREAD, MOST_SPREAD_MS);
}
