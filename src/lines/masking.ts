/**
 * `mask` of one input: what of its lines is secret is masked where they lie, as soon as they are records, so that nothing
 * else sees it. Inputs with the same rules share their tables.
 */
import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../core/batch.ts';
import { TURN_MS } from '../core/slices.ts';
import type { ProgramArena } from '../kernel/arena.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type Masked, MaskKernel } from '../kernel/process/mask.ts';
import type { MaskRule } from '../kernel/process/mask-rules.ts';
import type { ProcessKernel } from '../kernel/process.ts';
import { log } from '../log.ts';

/** Where a file's next record stands in a private key. */
export interface KeyState {
  /** Bytes that one which has begun may still have; null: nothing was masked of the file yet. */
  openKey: number | null;
}

interface Tables {
  readonly kernel: MaskKernel;
  users: number;
  /** Whoever took them needs them no more. */
  release(): void;
}

const shared = new WeakMap<Kernel, Map<string, Tables>>();

export class Masking {
  /** Texts may become longer. */
  readonly grows: boolean;
  readonly #name: string;
  readonly #rules: readonly MaskRule[];
  readonly #counts: number[];
  readonly #kernel: Kernel;
  readonly #tables: Tables;
  #stars: Tables | null = null;

  /** `name`: of the input. `key`: for `with: hash`. */
  constructor(name: string, rules: readonly MaskRule[], kernel: Kernel, key: Buffer | null) {
    this.#name = name;
    this.#rules = rules;
    this.#counts = rules.map(() => 0);
    this.grows = rules.some((rule) => rule.with !== null);
    this.#kernel = kernel;
    this.#tables = tablesOf(kernel, rules, key);
  }

  /** Undefined: there is nothing to mask. */
  static of(name: string, rules: readonly MaskRule[], kernel: Kernel, key: Buffer | null): Masking | undefined {
    return rules.length === 0 ? undefined : new Masking(name, rules, kernel, key);
  }

  close(): void {
    this.#tables.release();
    this.#stars?.release();
  }

  /** The same rules with as many `*` in place of what is secret, as it lies there. */
  get stars(): MaskKernel {
    if (!this.grows) return this.#tables.kernel;
    const plain = this.#rules.map((rule) => ({ ...rule, with: null }));
    this.#stars ??= tablesOf(this.#kernel, plain, null);
    return this.#stars.kernel;
  }

  /** True: records may be longer than they were. It is a promise only where it takes long. */
  mask(batch: Batch, file: KeyState): boolean | Promise<boolean> {
    const { slot, count, from } = batch;
    const openKey = from === 0 ? 0 : file.openKey;
    const pass = this.#tables.kernel.mask(slot, count, openKey ?? 0, openKey === null);
    const masked = turnOf(pass);
    if (masked) return this.#take(masked, batch, file);
    return atRest(pass).then((all) => this.#take(all, batch, file));
  }

  #take(masked: Masked, { end, stream }: Batch, file: KeyState): boolean {
    file.openKey = masked.openKey;
    const counted = stream.parts !== undefined && end <= stream.parts.counted;
    if (!counted) this.#count(masked.found);
    if (masked.noRoom) {
      log.warnOnce(
        `mask room ${this.#name}`,
        `mask of ${this.#name}: what takes the place of secrets has no room beside so many of them: some have * instead; write shorter texts in with`,
      );
    }
    if (masked.tooLong > 0) {
      log.warnOnce(
        `mask steps ${this.#name}`,
        `mask of ${this.#name}: a pattern takes too many steps on some lines: they are masked as a whole; write it so that it repeats less`,
      );
    }
    return masked.longer;
  }

  /** The same of fields of the rows in use that hide secrets behind escapes of JSON. */
  maskCells(process: ProcessKernel, count: number): void {
    this.#count(this.#tables.kernel.maskCells(process.cells, count));
  }

  #count(found: Uint32Array): void {
    for (const [i, secrets] of found.entries()) this.#counts[i]! += secrets;
  }

  /** Secrets that were masked, by rule; all patterns are one. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [i, { rule }] of this.#rules.entries()) counts[rule] = (counts[rule] ?? 0) + this.#counts[i]!;
    return counts;
  }
}

function tablesOf(kernel: Kernel, rules: readonly MaskRule[], key: Buffer | null): Tables {
  const all = shared.get(kernel) ?? new Map<string, Tables>();
  shared.set(kernel, all);
  const same = `${JSON.stringify(rules)} ${key?.toString('hex')}`;
  let tables = all.get(same);
  if (!tables) {
    const arena = kernel.takeArena();
    try {
      const mask = new MaskKernel(kernel.process, arena, rules, key);
      tables = { kernel: mask, users: 0, release: () => release(all, same, kernel, arena) };
    } catch (error) {
      kernel.giveArena(arena);
      throw error;
    }
    all.set(same, tables);
  }
  tables.users++;
  return tables;
}

function release(all: Map<string, Tables>, same: string, kernel: Kernel, arena: ProgramArena): void {
  if (--all.get(same)!.users > 0) return;
  all.delete(same);
  kernel.giveArena(arena);
}

/** Goes on for some milliseconds; null: it is not done then. */
function turnOf(pass: Generator<void, Masked>): Masked | null {
  const began = performance.now();
  for (;;) {
    const { done, value } = pass.next();
    if (done) return value;
    if (performance.now() - began > TURN_MS) return null;
  }
}

async function atRest(pass: Generator<void, Masked>): Promise<Masked> {
  for (;;) {
    await setImmediate();
    const masked = turnOf(pass);
    if (masked) return masked;
  }
}
