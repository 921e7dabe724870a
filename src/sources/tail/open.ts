/** `logs`: what its inputs share (positions, processes for mounts that may hang), and one input of it. */
import type { CommonConfig } from '../../config/config.ts';
import type { Account } from '../../core/account.ts';
import type { InputHost, InputPositions, OpenInput, OpenKind } from '../../core/input.ts';
import { readMaskKey, wantsKey } from '../../lines/mask-key.ts';
import { stepStatuses } from '../../transforms/report.ts';
import type { AheadLinesOptions } from './ahead/lines.ts';
import type { AheadRoom } from './ahead/room.ts';
import { Mounts } from './apart/mounts.ts';
import { matching } from './find/selection.ts';
import type { JournalAheadOptions } from './journald/ahead.ts';
import type { LogInput } from './kind.ts';
import type { LogConfig } from './options.ts';
import { fileKeys, generationOf } from './positions/checkpoint.ts';
import { Positions } from './positions/positions.ts';
import type { LogReader } from './reader.ts';
import type { LogStatus } from './report.ts';
import type { TailOptions } from './tail.ts';
import { isWatched } from './watched.ts';

type Configured = CommonConfig & { logs: LogConfig[] };

export async function openLogs(config: Configured, host: InputHost): Promise<OpenKind<LogInput>> {
  const { data_dir } = config;
  let inputs = namesOf(config);
  let matches = matching(config.logs);
  const positions = await Positions.open(data_dir, inputs, matches);
  const mounts = new Mounts();
  let room: AheadRoom | null = null;
  /** Nothing of it is loaded, or in memory, where no rules count lines. */
  const roomOf = async () => {
    room ??= new (await import('./ahead/room.ts')).AheadRoom();
    return room;
  };
  const aheadOf = async (of: Omit<AheadLinesOptions, 'room' | 'mostLines'>) => {
    if (!isWatched(of.input)) return {};
    const { Ahead } = await import('./ahead/ahead.ts');
    const { Foresight } = await import('./ahead/foresight.ts');
    const room = await roomOf();
    const ahead: TailOptions['ahead'] = (files, mostLines) => new Ahead({ ...of, ...files, mostLines, room });
    return { ahead, foresight: new Foresight(inputs, matches) };
  };
  const journalAheadOf = async (of: Omit<JournalAheadOptions, 'room'>) => {
    if (!isWatched(of.input)) return undefined;
    const { JournalAhead } = await import('./journald/ahead.ts');
    return new JournalAhead({ ...of, room: await roomOf() });
  };
  return {
    positions: inTransactions(positions),
    async open({ id, options }) {
      const rest = { positions, data_dir, kernel: host.kernel, account: host.account(id), mounts, inputs };
      const { masks } = options.input;
      const mask_key = wantsKey(masks) ? maskKey(options.mask_key_file!) : null;
      const how = options.metrics;
      const counted = () => ({
        account: host.account(`metric.${options.input.name}`),
        nextWindowId: host.nextWindowId,
      });
      const watched = (rule: string, lines: number) => host.measured.countLines(rule, lines);
      const metrics = how && { ...how, ...counted(), measured: host.measured };
      const shaped = { ...options, ...rest, mask_key, watched, metrics };
      const { journald } = options.input;
      const reader = journald
        ? new (await import('./journald/input.ts')).JournalInput(
            shaped,
            journald,
            await journalAheadOf({ ...shaped, journald }),
          )
        : new (await import('./input.ts')).TailInput({ ...shaped, ...(await aheadOf(shaped)) });
      return inputOf(reader, rest.account, () => host.leftSince(id), options.input.audit);
    },
    configure(config) {
      inputs = namesOf(config as Configured);
      matches = matching((config as Configured).logs);
      positions.configure(inputs, matches);
    },
    problems: () => mounts.troubles,
    status: (logs) => ({ logs, mounts: mounts.status() }),
    close: () => positions.close(),
  };
}

function maskKey(path: string): Buffer {
  try {
    return readMaskKey(path);
  } catch (error) {
    throw new Error(`mask_key_file: ${(error as Error).message}`);
  }
}

function namesOf({ logs }: Configured): string[] {
  return logs.map(({ name }) => name);
}

function inputOf(tail: LogReader, account: Account, leftSince: () => number | null, audited: boolean): OpenInput {
  return {
    foresee: async (signal) => tail.foresee?.(signal),
    run: (output, signal) => tail.run(output, signal),
    close: () => tail.close(),
    problems: () => [...tail.problems(), ...(audited ? missedOf(tail.name, account) : [])],
    // What it has read is in a batch, which the pipeline counts.
    inFlight: () => 0,
    status(files): LogStatus<unknown> {
      return {
        name: tail.name,
        files_total: tail.files_total,
        lines: tail.lines,
        bytes: tail.bytes,
        watching: tail.watching,
        unreadable: tail.unreadable,
        left_out: { ...tail.left_out },
        idle_patterns: tail.idle,
        truncated: account.truncated,
        replaced: account.replaced,
        reread_bytes: tail.reread_bytes,
        not_found: account.notFound,
        deleted: tail.deleted,
        malformed: account.malformed,
        masked: tail.masked,
        steps: stepStatuses(tail.steps),
        ...lagWith(tail.lag, leftSince()),
        ...(tail.ahead && { ahead: { current: tail.ahead.isCurrent, skipped_bytes: tail.ahead.skipped_bytes } }),
        files: tail.listing(files),
      };
    },
  };
}

/** An audit stream that lacks something is not as it should be, until somebody has seen to it. */
function missedOf(name: string, { losses, notFound }: Account): string[] {
  const bytes = [...losses].map(([reason, loss]) => `${loss.bytes} bytes (${reason})`);
  const files = notFound > 0 ? [`the end of ${notFound} files that were gone at the start`] : [];
  const missed = [...bytes, ...files];
  if (missed.length === 0) return [];
  return [`logs ${name}: its audit stream lacks ${missed.join(', ')}: see to the rotation, then start the agent anew`];
}

/** With the lines that are in no file's positions any more, and kept on disk until Kafka has them. */
function lagWith({ lag_bytes, lag_seconds }: LogReader['lag'], since: number | null) {
  const left_seconds = since === null ? 0 : (Date.now() - since) / 1000;
  return { lag_bytes, lag_seconds: Math.max(lag_seconds, left_seconds), left_seconds };
}

/** As the positions topic has them (positions/checkpoint.ts). */
function inTransactions(positions: Positions): InputPositions {
  const all: InputPositions = {
    lost: positions.lost,
    async restore(committed) {
      positions.restore([...committed].flatMap(([key, value]) => (value && generationOf(key, value)) ?? []));
      await positions.written();
    },
    sync: () => positions.sync(),
    onForget: null,
  };
  positions.onForget = (generation) => {
    for (const key of fileKeys(generation)) all.onForget?.(key);
  };
  return all;
}
