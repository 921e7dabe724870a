/**
 * The host source: runs the checks at every multiple of the interval and emits what they found as metric records.
 *
 *   |--- first window ---|------- window -------|------- window -------|
 *   start             10:00:10               10:00:20               10:00:30
 *   (baselines)       run, emit              run, emit              run, emit
 *
 * Windows follow on each other: one that was missed (memory was full) makes the next one longer, and its sums are of the
 * longer time. After a gap of more than three intervals (the machine slept) it is as after a start: what the counters did
 * meanwhile is in no window.
 */

import { emitReceived } from '../../aggregate/emit.ts';
import { MetricRecords } from '../../aggregate/record.ts';
import { type Span, untilNext, windowAt } from '../../aggregate/window.ts';
import { availableChecks, type HostSettings, isOn } from '../../checks/all.ts';
import { HostFiles } from '../../checks/files.ts';
import type { AskOtherClock } from '../../checks/kafka-clock.ts';
import type { Point } from '../../checks/meter.ts';
import { CheckRunner, type CheckStatus, runAll } from '../../checks/runner.ts';
import { pause } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import type { Measured } from '../../core/measured.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { type Envelope, valueEnvelope } from '../../records/envelope.ts';

const MAX_DEADLINE_MS = 5000;
/** The first window is not shorter than this. */
const SHORTEST_MS = 1000;
/** Intervals: from what came after a longer gap nothing is concluded. */
const LONGEST_GAP = 3;

export interface HostOptions {
  config: {
    /** Milliseconds. */
    readonly interval: number;
    /** Where the host's files are seen. */
    readonly host_root?: string;
    /** Which checks, and with what; those it does not name are as by default. */
    readonly host: false | HostSettings;
  };
  topic: string;
  host: string;
  tags: Record<string, string>;
  account: Account;
  /** `<agent id>-<flush number>`, a new one at each call. */
  nextWindowId: () => string;
  /** Kafka's. */
  otherClock?: AskOtherClock | undefined;
  /** Looks at them before they leave. */
  measured?: Measured;
}

export interface HostSource extends Source {
  status(): CheckStatus[];
}

export function hostSource(options: HostOptions): HostSource {
  const { config, account, host, tags } = options;
  const key = valueEnvelope(host);
  const stream: Stream = {
    name: 'host',
    topic: options.topic,
    key: host,
    account,
    replayable: false,
    envelope: (): Envelope => key,
  };
  const runners: CheckRunner[] = [];
  const deadline = Math.min(MAX_DEADLINE_MS, config.interval * 0.8);

  const files = new HostFiles(config.host_root);

  async function measure(): Promise<Point[]> {
    files.newRound();
    const points = await runAll(runners, deadline);
    for (const { status } of runners) {
      const { name, last_error, lacks } = status;
      if (last_error !== null) log.warnOnce(`check ${name}`, `check ${name} failed: ${last_error}; it is tried again`);
      if (lacks !== null) log.warnOnce(`check ${name} lacks`, `check ${name} does without a part: ${lacks}`);
    }
    return points;
  }

  /** Emits one window. What could not be handed over before the end is counted as lost. */
  async function flush(output: Output, points: Point[], window: Span, signal: AbortSignal) {
    const records = new MetricRecords(
      { host, dataset: 'host', labels: tags },
      { ...window, id: options.nextWindowId() },
    );
    const documents = points.map(({ text, value }) => records.single(text, value));
    options.measured?.window('host', config.interval, documents);
    await emitReceived(output, stream, documents, new Uint8Array(documents.length).fill(1), signal);
  }

  async function everyInterval(output: Output, signal: AbortSignal): Promise<void> {
    let last = performance.now();
    // The counters' first values; what they were before the agent started is in no window.
    await measure();
    let wait = untilNext(Date.now(), config.interval, Math.min(SHORTEST_MS, config.interval / 2));
    while (await pause(wait, signal)) {
      const now = performance.now();
      const window = windowAt(Date.now(), now - last, config.interval);
      const missed = Math.floor((now - last) / config.interval - 0.9);
      if (missed > 0) {
        for (const runner of runners) runner.status.skipped += missed;
        log.warnOnce('host late', `host metrics came ${missed} intervals late`);
      }
      const points = await measure();
      if (now - last <= config.interval * LONGEST_GAP) await flush(output, points, window, signal);
      last = now;
      wait = untilNext(Date.now(), config.interval, config.interval / 2);
    }
  }

  return {
    async run(output, signal) {
      if (config.host === false || signal.aborted) return;
      runners.length = 0;
      for (const [name, check] of await availableChecks(files, config.host, options.otherClock)) {
        if (isOn(name, config.host)) runners.push(new CheckRunner(name, check));
      }
      try {
        await everyInterval(output, signal);
      } finally {
        files.close();
      }
    },
    status: () => runners.map((runner) => ({ ...runner.status })),
  };
}
