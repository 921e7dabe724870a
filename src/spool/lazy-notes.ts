/**
 * The sidecar of a chained segment. Whoever waits for a block waits for nothing else, so its note is kept and comes to the
 * sidecar with others, by one write:
 *
 *   block a of orders    its inputs are new: its note is written beside it
 *   block b of orders    the same inputs: kept
 *   ...
 *   block n              enough are kept, or one has to be written: all are, in the order of their blocks
 *
 * So after a kill the sidecar lacks notes of the last blocks alone, and of each key it has one that says the inputs of those
 * that are lacking. What else a note holds the block says itself (`itemsIn`), and they are written then.
 */
import type { FileHandle } from 'node:fs/promises';
import { openOrCreate } from '../core/files.ts';
import { log } from '../log.ts';
import { decompress } from '../records/codecs.ts';
import { checkCrc, HEADER_BYTES, readHeader, records } from '../records/record-batch.ts';
import { readWhole } from './salvage.ts';
import type { Segment } from './segment.ts';
import { writeAll } from './segment-file.ts';
import { type BlockNote, noteLine, readNotes } from './sidecar.ts';
import { itemsIn } from './together.ts';

/** So many are kept. */
const ENOUGH = 64;
/** Where the disk does not take them: a block that would be one more is not taken, either. */
const MOST = 1024;

export class LazyNotes {
  readonly #segment: Segment;
  readonly #file: FileHandle;
  /** Where the sidecar ends. */
  #at: number;
  /** Where the line of the note begins that was written beside its block last. */
  #lastAt = 0;
  /** By the key: the inputs of its last block. */
  readonly #inputs = new Map<string | null, string>();
  #writing: Promise<void> | null = null;

  /** `at`: where the sidecar ends. */
  constructor(segment: Segment, file: FileHandle, at: number) {
    this.#segment = segment;
    this.#file = file;
    this.#at = at;
  }

  /** Writes the note of a block that is being written, where it has to be there with it; null: it is to be kept. */
  beside(note: BlockNote): Promise<void> | null {
    const inputs = inputsOf(note);
    if (this.#inputs.get(note.key) === inputs && this.#segment.noted.size < MOST) return null;
    return this.write(note).then(() => {
      this.#inputs.set(note.key, inputs);
    });
  }

  /** The block is written. */
  keep(note: BlockNote): void {
    const { noted } = this.#segment;
    noted.set(note.offset, note);
    // Where the disk does not take them they are kept: the next ones are tried beside their blocks, which says it.
    if (noted.size >= ENOUGH && this.#writing === null) void this.write().catch(() => undefined);
  }

  /** The block was not written, and its note was, or may have been. */
  takeBack({ key }: BlockNote): void {
    this.#inputs.delete(key);
    this.#at = this.#lastAt;
  }

  /** Resolves when all that are kept are in the sidecar, and this one. */
  async write(last?: BlockNote): Promise<void> {
    while (this.#writing) await this.#writing.catch(() => undefined);
    if (this.#segment.noted.size === 0 && !last) return;
    this.#writing = this.#write(last).finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  async #write(last?: BlockNote): Promise<void> {
    const { noted } = this.#segment;
    const kept = [...noted.values()];
    const lines = Buffer.from(kept.map(noteLine).join(''));
    const line = Buffer.from(last ? noteLine(last) : '');
    this.#lastAt = this.#at;
    await writeAll(this.#file, [lines, line], this.#at);
    this.#lastAt += lines.length;
    this.#at = this.#lastAt + line.length;
    // A reader finds each of them here or there.
    for (const { offset } of kept) noted.delete(offset);
  }

  /** Takes away what a failed write has left behind. */
  async cut(): Promise<void> {
    await this.#file.truncate(this.#at);
  }
}

function inputsOf({ weights }: BlockNote): string {
  return JSON.stringify([...weights.keys()]);
}

/**
 * Completes the sidecar of a chained segment that a kill has left. Where that fails items of its last blocks are not
 * counted, which is said.
 */
export async function completeNotes(segment: Segment): Promise<void> {
  try {
    const lacking = await lackingNotes(segment);
    if (lacking.length > 0) await append(segment, lacking);
  } catch (error) {
    const { message } = error as Error;
    log.warn(`spool: cannot complete ${segment.weights}: ${message}; items of its last blocks are not counted`);
  }
}

/** Writes the notes that are kept of a segment that is not written to any more: its file was closed by a disk that failed. */
export async function writeKept(segment: Segment | undefined): Promise<void> {
  if (!segment || segment.removed || segment.noted.size === 0) return;
  await append(segment, [...segment.noted.values()]);
  segment.noted.clear();
}

async function append({ weights }: Segment, notes: readonly BlockNote[]): Promise<void> {
  const file = await openOrCreate(weights);
  try {
    // Behind a line that was cut short.
    await writeAll(file, [Buffer.from(`\n${notes.map(noteLine).join('')}`)], (await file.stat()).size);
  } finally {
    await file.close();
  }
}

/** Notes of the blocks behind the last one that has its note. */
async function lackingNotes({ log: path, weights, base, next, size }: Segment): Promise<BlockNote[]> {
  const notes = await readNotes(weights);
  const noted = notes.reduce((end, { offset, records }) => Math.max(end, offset + records), base);
  if (noted >= next) return [];
  const inputs = new Map(notes.map((note) => [note.key, [...note.weights.keys()]]));
  const { bytes } = await readWhole(path);
  const lacking: BlockNote[] = [];
  let offset = base;
  for (let at = 0; at < size; ) {
    const header = readHeader(bytes, at);
    // What is damaged is found when it is read.
    if (!header || !checkCrc(bytes, at, header)) break;
    const body = bytes.subarray(at + HEADER_BYTES, at + header.bytes);
    at += header.bytes;
    const from = offset;
    offset += header.count;
    const items = itemsIn(header);
    if (from < noted || items === null) continue;
    const plain = await decompress(header.codec, body);
    const key = records(plain).next().value?.key?.toString() ?? null;
    const [input] = inputs.get(key) ?? [];
    const { count, time } = header;
    const carried = new Map(input === undefined ? [] : [[input, items]]);
    lacking.push({
      offset: from,
      records: count,
      bytes: header.bytes,
      time,
      rawBytes: plain.length,
      key,
      weights: carried,
    });
  }
  return lacking;
}
