/**
 * What the agent and a process that reads what is on a mount which may hang say to each other. A part is one input on
 * one mount.
 *
 *   agent  --open, roots-->  process     reads, and knows its files as the agent would
 *          <-entries------               what its journal of positions would be appended: the agent's is
 *          <-batch--------               lines, as they lie in the pool; the agent sends them
 *          --taken------->               the next one may come
 *          --settled----->               how far a file is safe: the agent's journal has it already
 */

import type { LossReason } from '../../../core/losses.ts';
import type { Level } from '../../../log.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import type { Prefix } from '../file/inode.ts';
import type { FileStatus } from '../file/status.ts';
import type { LeftOutStatus } from '../find/left-out.ts';
import type { LogConfig } from '../options.ts';

export interface Opening {
  kind: 'open';
  part: number;
  mount: Mount;
  input: LogConfig;
  /** Of hashes in place of secrets. */
  mask_key: Buffer | null;
  /** Lines of a batch at most. */
  mostLines: number | undefined;
  /** Names of all inputs that are configured. */
  inputs: string[];
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  data_dir: string;
  /** A journal of what is known of its files. */
  journal: Buffer;
  roots: string[];
}

export type ToProcess =
  | Opening
  | { kind: 'roots'; part: number; roots: string[] }
  | { kind: 'taken'; part: number }
  | { kind: 'settled'; part: number; id: string; position: number }
  | { kind: 'close'; part: number }
  | { kind: 'ping' };

/** Where in a file a batch ends. */
export interface End {
  id: string;
  end: number;
  /** Of the bytes before. */
  marker: Prefix;
  /** Streams of which a line that was cut goes on behind. */
  cut: number;
}

export interface Sent extends End {
  kind: 'batch';
  part: number;
  from: number;
  count: number;
  time: number;
  /** Another file whose bytes up to there are in the last record. */
  also: End | null;
  /** What the tables name, and those: starts, ends, source, length, each of 4 bytes a record, and flags of one. */
  bytes: Buffer;
  tables: Buffer;
}

export interface PartStatus {
  files_total: number;
  truncated: number;
  replaced: number;
  malformed: number;
  masked: Record<string, number>;
  unreadable: number;
  left_out: LeftOutStatus;
  reread_bytes: number;
  deleted: number;
  lag_bytes: number;
  lag_seconds: number;
  /** The most behind first, and no more than a thousand. */
  files: FileStatus[];
}

export type ToAgent =
  | { kind: 'ready' }
  | { kind: 'pong' }
  | { kind: 'said'; level: Level; message: string }
  | { kind: 'entries'; part: number; bytes: Buffer }
  | Sent
  | { kind: 'elsewhere'; part: number; path: string; mount: Mount }
  | { kind: 'lost'; part: number; reason: LossReason; records: number; bytes: number }
  | { kind: 'status'; part: number; status: PartStatus }
  | { kind: 'closed'; part: number; error: string | null };
