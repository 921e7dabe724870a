/** What is parsed of each record (as/process/texts.as.ts): its line, or a field. */
import assert from 'node:assert';
import { MAX_RECORDS, type Slot } from '../../core/pool.ts';
import type { ProgramArena } from '../arena.ts';
import type { ProcessKernel } from '../process.ts';

interface TextExports {
  useTexts(startsAt: number, endsAt: number): void;
  stopTexts(count: number): void;
  freshRows(count: number, message: number): void;
  chooseRecords(count: number, only: number, todo: number): number;
  fieldTexts(count: number, field: number, todo: number, startsAt: number, endsAt: number): number;
  countRecords(count: number, todo: number): number;
  failRecords(count: number, todo: number): number;
  markRecords(count: number, todo: number, cell: number, text: number, bytes: number): number;
}

export class TextsDoor {
  /** A byte a record: not 0 where it is still to be parsed. */
  readonly todo: Uint8Array;
  readonly todoAt: number;
  readonly #exports: TextExports;
  readonly #arena: ProgramArena;
  readonly #only: Uint8Array;
  readonly #onlyAt: number;
  /** Where texts begin and end, of those in use. */
  #tables: readonly [Uint32Array, Uint32Array] = [new Uint32Array(0), new Uint32Array(0)];
  /** Tables for texts that are not records, when there are some. */
  #own: readonly [Uint32Array, Uint32Array] | undefined;

  constructor(process: ProcessKernel, arena: ProgramArena) {
    this.#exports = process.exports<TextExports>();
    this.#arena = arena;
    this.todoAt = arena.reserve(MAX_RECORDS);
    this.todo = arena.bytes.subarray(this.todoAt, this.todoAt + MAX_RECORDS);
    this.#onlyAt = arena.reserve(MAX_RECORDS);
    this.#only = arena.bytes.subarray(this.#onlyAt, this.#onlyAt + MAX_RECORDS);
  }

  /** What is parsed will be something else than records, too: so there are tables for it before the first batch. */
  needOwn(): void {
    this.#own ??= [this.#table(), this.#table()];
  }

  /** A byte that scans stop at is behind the records. */
  stop(count: number): void {
    this.#exports.stopTexts(count);
  }

  /** Rows that are new: they have the record's text as their message. */
  fresh(count: number, message: number): void {
    this.#exports.freshRows(count, message);
  }

  /** How many are still to be parsed. */
  left(count: number): number {
    return this.#exports.countRecords(count, this.todoAt);
  }

  /** Chooses of `count` records those at `only`, or all, but those whose parse failed before; gives how many there are. */
  choose(count: number, only: Uint8Array | null): number {
    if (only) this.#only.set(only);
    return this.#exports.chooseRecords(count, only ? this.#onlyAt : 0, this.todoAt);
  }

  /** Where the text of a record is. */
  at(i: number): { at: number; bytes: number } {
    const [starts, ends] = this.#tables;
    return { at: starts[i]!, bytes: ends[i]! - starts[i]! };
  }

  /** What is parsed is the records themselves. */
  useLines(slot: Slot): void {
    this.#tables = [slot.starts, slot.ends];
    this.#exports.useTexts(slot.startsAt, slot.endsAt);
  }

  /** What is parsed is what this field has; gives how many of the chosen records have no text there. */
  useField(count: number, cell: number): number {
    const { starts, ends } = this.#useOwn();
    return this.#exports.fieldTexts(count, cell, this.todoAt, starts.byteOffset, ends.byteOffset);
  }

  /** What is parsed is the same text for all, LF behind it. */
  useOne(count: number, at: number, bytes: number): void {
    const { starts, ends } = this.#useOwn();
    starts.fill(at, 0, count);
    ends.fill(at + bytes, 0, count);
  }

  #useOwn(): { starts: Uint32Array; ends: Uint32Array } {
    assert(this.#own, 'needOwn was not called');
    const [starts, ends] = this.#own;
    this.#tables = this.#own;
    this.#exports.useTexts(starts.byteOffset, ends.byteOffset);
    return { starts, ends };
  }

  #table(): Uint32Array {
    return this.#arena.words(this.#arena.reserve(MAX_RECORDS * 4), MAX_RECORDS);
  }

  /** Those that are still to be parsed go out as they are; gives how many there are. */
  fail(count: number): number {
    return this.#exports.failRecords(count, this.todoAt);
  }

  /** The same get a text in a cell that has nothing; it stays where it is. */
  mark(count: number, cell: number, text: { at: number; bytes: number }): number {
    return this.#exports.markRecords(count, this.todoAt, cell, text.at, text.bytes);
  }
}
