/** A `logs` entry that reads the journal of systemd, as the status has it: as a file of which the size is not known. */
import type { Output, Step } from '../../../core/pipeline.ts';
import { Format } from '../../../lines/format.ts';
import type { FileStatus, WaitStatus } from '../file/status.ts';
import type { LeftOutStatus } from '../find/left-out.ts';
import type { LogReader } from '../reader.ts';
import { Shaping, type ShapingOptions } from '../shaping.ts';
import type { JournalAhead } from './ahead.ts';
import { JournalReader } from './journal-reader.ts';
import type { JournaldConfig } from './options.ts';

/** What waits for memory for so long waits for the output. */
const AWAY_MS = 1000;
const NONE: LeftOutStatus = { max_files: 0, directories: 0, foreign_link: 0, special: 0, compressed: 0 };

export class JournalInput implements LogReader {
  readonly name: string;
  readonly files_total = 1;
  readonly watching = 'inotify';
  readonly left_out = NONE;
  readonly idle = { include: [], exclude: [] };
  readonly reread_bytes = 0;
  readonly deleted = 0;
  readonly #shaping: Shaping;
  readonly #journal: JournalReader;
  readonly #ahead: JournalAhead | undefined;

  constructor(options: ShapingOptions, journald: JournaldConfig, ahead?: JournalAhead) {
    const { input, kernel } = options;
    this.name = input.name;
    this.#shaping = new Shaping(options);
    const { context, masking, processing } = this.#shaping;
    const format = new Format(input, kernel, processing?.fields?.most, masking);
    this.#journal = new JournalReader({ context, journald, format, ahead });
    this.#ahead = ahead;
  }

  get steps(): readonly Step[] {
    return this.#shaping.steps;
  }

  get lines(): number {
    return this.#journal.lines;
  }

  get bytes(): number {
    return this.#journal.bytes;
  }

  get unreadable(): number {
    return this.#journal.error === null ? 0 : 1;
  }

  get masked(): Record<string, number> {
    return { ...this.#shaping.masking?.counts };
  }

  get ahead(): { isCurrent: boolean; skipped_bytes: number } | null {
    return this.#ahead ? { isCurrent: this.#ahead.isCurrent, skipped_bytes: 0 } : null;
  }

  get lag(): { lag_bytes: number; lag_seconds: number } {
    return this.#journal.lag;
  }

  *listing(count: number): Iterable<FileStatus> {
    const { path, position, committed, id, lines, truncated, error, lag, waitsFor } = this.#journal;
    if (count === 0) return;
    const known = { path, id, size: position, position, committed, ...lag, lines, truncated, error };
    yield { ...known, waits_for: waitsFor, waiting: this.#waiting };
  }

  problems(): string[] {
    const { error } = this.#journal;
    return error === null ? [] : [`logs ${this.name}: ${error}`];
  }

  run(output: Output, signal: AbortSignal): Promise<void> {
    return this.#shaping.run(output, signal, (to, stopped) => this.#journal.run(to, stopped));
  }

  close(): void {
    this.#journal.close();
    this.#ahead?.close();
    this.#shaping.close();
  }

  get #waiting(): WaitStatus | null {
    const { waitingSince } = this.#journal;
    if (waitingSince === null) return null;
    const ms = performance.now() - waitingSince;
    return { reason: ms > AWAY_MS ? 'output' : 'memory', seconds: ms / 1000 };
  }
}
