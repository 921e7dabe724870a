/**
 * What the steps of one input make together of its records' fields: which field has which cell of a row, and how a record
 * is written. Nothing is recorded by name but what a step names; what else a line holds is passed as it stands.
 *
 *   steps are made -> cells are given to the names they ask for -> sealed: `onSeal` -> batches: rowsOf, pack
 *
 * A name is dotted and is one field, however the line nests it. It has its cell from the first step to the last: `rename`
 * moves what is in it. A record's message is in its cell from the beginning: it is the line.
 */
import assert from 'node:assert';
import type { Batch, FieldPlan } from '../core/batch.ts';
import type { ProgramArena } from '../kernel/arena.ts';
import type { Kernel, PackJob } from '../kernel/kernel.ts';
import { FieldsPacker } from '../kernel/process/emit.ts';
import { type JsonTables, jsonTables } from '../kernel/process/json.ts';
import { TextsDoor } from '../kernel/process/texts.ts';
import { MAX_CELLS, mostRows, type ProcessKernel } from '../kernel/process.ts';
import type { JsonEnvelope } from '../records/envelope.ts';
import { records } from '../records/record-batch.ts';
import { type TemplateItem, templateOf, unparsedTemplate, variantOf } from './fields/template.ts';
import { FieldTree } from './fields/tree.ts';

/** The cell of `@timestamp`: milliseconds. */
const TIME_CELL = 0;
/** Cells of runs that are not the first of their object: one for each that may part two of them, within these. */
const [LEAST_RUNS, MOST_RUNS] = [8, 16];

/** A record that is shown is at most so large; what is written may reach so much beyond. */
const SHOWN_BYTES = 32 * 1024;
const SLACK = 64;
/** The template for all sets of cells, and that for what is not parsed: of 64 cells with long names, and many labels. */
const TEMPLATES_BYTES = 32 * 1024;

export class Program implements FieldPlan {
  readonly process: ProcessKernel;
  /** Where tables of its steps go; it lives as long as the program. */
  readonly arena: ProgramArena;
  readonly texts: TextsDoor;
  /** The cell of `message`. */
  readonly message: number;
  /** Records have fields before the first step: where one cannot be parsed it has those all the same. */
  supplied = false;
  /** Of the last `pack`. */
  endAt = 0;
  replaced = 0;
  cut = 0;
  readonly #kernel: Kernel;
  readonly #cells = new Map<string, number>();
  #next = TIME_CELL + 1;
  #width = 0;
  #most = 0;
  readonly #sealing: (() => void)[] = [];
  readonly #alike: (readonly [string, string])[] = [];
  readonly #objects = new Set<string>();
  /** Where members are passed that no step names. */
  readonly #passing = new Set<string>();
  /** Names that are written by the agent, whatever the line has of them. */
  readonly #own = new Set<string>();
  #tree!: FieldTree;
  #more = { from: 0, to: 0 };
  #packer!: FieldsPacker;
  #jsonTables: JsonTables | undefined;
  #shownAt = 0;
  #template: readonly TemplateItem[] | null = null;
  #envelope: JsonEnvelope | null = null;
  /** A row may have members of `conflict` in the cell for those that have none of their own. */
  conflicted = false;
  /** Replaced by steps, until it is told with what is packed next. */
  #replacedBefore = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.process = kernel.process;
    this.arena = kernel.takeArena();
    this.texts = new TextsDoor(this.process, this.arena);
    this.message = this.cell('message');
  }

  /** Nothing of it is on its way any more. */
  close(): void {
    this.#kernel.giveArena(this.arena);
  }

  /** The cell of the field of this dotted name. Only while steps are made. */
  cell(name: string): number {
    assert(this.#width === 0, 'cells are given while steps are made');
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = this.#reserve();
      this.#cells.set(name, cell);
    }
    return cell;
  }

  /** The cell for milliseconds that become `@timestamp`; `event.created` is the time of reading then. */
  timeCell(): number {
    this.#own.add('event.created');
    return TIME_CELL;
  }

  /** The cell of what the agent writes there itself: what a line has of that name goes to `conflict`. */
  ownCell(name: string): number {
    this.#own.add(name);
    return this.cell(name);
  }

  /** What is called by one of the names is called by the other at another step: what is below one has a cell below both. */
  alike(name: string, other: string): void {
    this.#alike.push([name, other]);
  }

  /** What the line has below this name are members of one object, as it is written dotted, too. */
  asObject(name: string): void {
    this.#objects.add(name);
  }

  /** Members that no step names are passed at this path, '' the record. */
  pass(path: string): void {
    this.#passing.add(path);
  }

  /** What a step does when all names are known: before the first batch. */
  onSeal(task: () => void): void {
    this.#sealing.push(task);
  }

  /** All steps are made. */
  seal(): void {
    assert(this.#width === 0, 'sealed twice');
    const reserve = () => this.#reserve();
    this.#completeAlike();
    this.#tree = new FieldTree(this.#cells, this.#objects);
    for (const path of this.#passing) this.#tree.pass(path, reserve);
    // What is passed below one name may come to be below the other.
    for (const [name, other] of this.#alike) this.#tree.passAlike(name, other, reserve);
    this.#more = { from: this.#next, to: this.#next };
    const named = Math.min(MOST_RUNS, MAX_CELLS - this.#next, Math.max(LEAST_RUNS, this.#cells.size));
    while (this.#passing.size > 0 && this.#more.to < this.#more.from + named) this.#more.to = reserve() + 1;
    this.#width = this.#next + (this.#next % 2);
    this.#most = mostRows(this.#width);
    this.#shownAt = this.arena.reserve(SHOWN_BYTES);
    this.#packer = new FieldsPacker(this.process, this.arena, this.#more);
    for (const task of this.#sealing) task();
    // What is made with the first batch has room, too: better that is said now.
    if (!this.arena.hasRoom([TEMPLATES_BYTES])) this.arena.reserve(TEMPLATES_BYTES);
  }

  /** The fields as objects, once it is sealed. */
  get tree(): FieldTree {
    return this.#tree;
  }

  /** Fields that steps name. */
  get named(): readonly string[] {
    return [...this.#cells.keys()];
  }

  get own(): readonly string[] {
    return [...this.#own];
  }

  /** Cells of runs that are not the first of their object: from, and up to. */
  get more(): { from: number; to: number } {
    return this.#more;
  }

  /** For texts that are JSON. */
  get jsonTables(): JsonTables {
    this.#jsonTables ??= jsonTables(this.arena);
    return this.#jsonTables;
  }

  /** Cells of a row. */
  get width(): number {
    return this.#width;
  }

  get most(): number {
    return this.#most;
  }

  /**
   * Tables and rows of the batch are in use. At the first time a row has nothing but the message; `init` false: whoever
   * asks sees to that in each row. True: it was the first time.
   */
  rowsOf(batch: Batch, init = true): boolean {
    if (batch.rows) {
      this.process.useBatch(batch.slot, batch.rows, false);
      return false;
    }
    assert(batch.fields && this.#width > 0, 'a batch without fields');
    const { whole, first } = batch.part ?? { whole: batch, first: 0 };
    const isFirst = whole.rows === null;
    const all = whole.count;
    const rows = { slot: batch.fields, width: this.#width, most: this.#most, all, ordered: false };
    whole.rows ??= { ...rows, first: 0 };
    batch.rows ??= { ...rows, first };
    this.process.useBatch(batch.slot, batch.rows, isFirst);
    this.texts.stop(batch.count);
    if (init) this.texts.fresh(batch.count, this.message);
    return true;
  }

  arrange(batch: Batch, order: Uint16Array): void {
    this.rowsOf(batch);
    batch.rows = { ...batch.rows!, ordered: true };
    this.process.placeOrder(batch.rows, order);
  }

  /** So many characters of the records' were none, and became U+FFFD. */
  replacedInSteps(count: number): void {
    this.#replacedBefore += count;
  }

  pack(batch: Batch, first: number, count: number, job: PackJob): number {
    const { envelope } = job;
    assert(envelope.kind === 'json', 'fields in something else than JSON');
    // No step has asked for any.
    if (!batch.rows) return this.#packPlain(batch, first, count, job);
    this.rowsOf(batch);
    if (!this.#template || !sameTexts(envelope, this.#envelope!)) this.#makeTemplate(envelope);
    let packed = 0;
    let at = job.outAt;
    this.replaced = this.#replacedBefore;
    this.#replacedBefore = 0;
    this.cut = 0;
    for (;;) {
      const rest = { ...job, delta: job.delta + packed, outAt: at };
      packed += this.#packer.pack(first + packed, count - packed, rest, envelope);
      at = this.#packer.endAt;
      this.replaced += this.#packer.replaced;
      if (!this.#packer.missed) break;
      const met = first + packed;
      const set = this.#packer.setOf(met);
      this.#packer.addVariant(
        set,
        variantOf(this.#template!, set, (cell) => this.#packer.expected(met, cell)),
      );
    }
    this.endAt = at;
    // Even alone it is too large: as a plain line it can be cut.
    if (packed === 0 && job.empty) return this.#packPlain(batch, first, 1, job);
    return packed;
  }

  show(batch: Batch, record: number): string | null {
    if (!batch.rows) return null;
    const outAt = this.#shownAt;
    const { endAt, replaced, cut } = this;
    const before = this.#replacedBefore;
    const { time, from: position, skipped } = batch;
    const job = { envelope: batch.stream.envelope(), time, position, skipped: skipped.before, delta: 0 };
    const count = this.pack(batch, record, 1, { ...job, outAt, limitAt: outAt + SHOWN_BYTES - SLACK, empty: false });
    const [shown] = records(Buffer.from(this.arena.bytes.subarray(outAt, this.endAt)));
    // It is not packed by that.
    Object.assign(this, { endAt, replaced, cut });
    this.#replacedBefore = before;
    if (count === 0) return null;
    return shown!.value?.toString() ?? null;
  }

  #packPlain(batch: Batch, first: number, count: number, job: PackJob): number {
    const packed = this.#kernel.pack(batch.slot, first, count, job);
    const { endAt, replaced, cut } = this.#kernel;
    Object.assign(this, { endAt, replaced, cut });
    return packed;
  }

  #makeTemplate(envelope: JsonEnvelope): void {
    assert(!this.#template, 'envelopes of one input differ');
    let more = 0n;
    for (let cell = this.#more.from; cell < this.#more.to; cell++) more |= 1n << BigInt(cell);
    const items = templateOf({ tree: this.#tree, time: TIME_CELL, more, envelope });
    this.#packer.setGeneral(items, unparsedTemplate(envelope));
    this.#template = items;
    this.#envelope = envelope;
  }

  #completeAlike(): void {
    for (let before = -1; before < this.#cells.size; ) {
      before = this.#cells.size;
      for (const [a, b] of this.#alike.flatMap(([one, other]) => [[one, other] as const, [other, one] as const])) {
        for (const name of [...this.#cells.keys()]) {
          if (name.startsWith(`${a}.`)) this.cell(b + name.slice(a.length));
        }
      }
    }
  }

  #reserve(): number {
    if (this.#next === MAX_CELLS) throw new Error(`its steps name more than ${MAX_CELLS} fields: make them fewer`);
    return this.#next++;
  }
}

function sameTexts(a: JsonEnvelope, b: JsonEnvelope): boolean {
  return a.host === b.host && a.dataset === b.dataset && a.labels === b.labels;
}
