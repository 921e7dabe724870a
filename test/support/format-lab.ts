/** A line, a format and a row: what the kernel's parser finds in it, as text by field. */
import process_ from 'node:process';
import { rowsAt } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { placeZone, type TimeExports } from '../../src/kernel/process/time.ts';
import { mostRows } from '../../src/kernel/process.ts';

const pool = new Pool(16 << 20);
export const kernel = new Kernel(pool.memory, pool.arenas);
const [slot, fields] = await pool.takeAll(pool.share('test'), 'batch', 2);
const WIDTH = 64;
const rows = { slot: fields!, width: WIDTH, most: mostRows(WIDTH), first: 0, all: 1, ordered: false };
export const row = rowsAt(rows);
export const process = kernel.process;
export const clock = process.exports<TimeExports>();
export const arena = kernel.takeArena();
export const UTC = placeZone(arena, 'UTC');
const { bytes, words } = process;

/** Puts a line in place, with what could be part of it behind it. Returns where it is. */
export function place(line: string | Buffer, behind = '\nSep 21 14:13:20 "12]:<='): [number, number] {
  const at = slot!.bytesAt + 64;
  const end = at + (typeof line === 'string' ? bytes.write(line, at, 'utf8') : line.copy(bytes, at));
  bytes.write(behind, end, 'latin1');
  process.useSlot(slot!);
  process.useRows(rows, true);
  process.clearRows(0, 1);
  slot!.starts[0] = at;
  slot!.ends[0] = end;
  slot!.flags[0] = 0;
  return [at, end];
}

export type Values = Record<string, unknown>;

/** What a cell of the row holds; undefined: nothing. */
export function valueIn(cell: number): unknown {
  return read(words[row / 4 + cell * 2]!, words[row / 4 + cell * 2 + 1]!);
}

function read(at: number, meta: number): unknown {
  const [kind, length] = [(meta >>> 24) & 15, meta & 0xffffff];
  if (meta === 0) return undefined;
  if (kind === 3) return JSON.parse(bytes.toString('utf8', at, at + length));
  if (kind === 5) return true;
  if (kind === 7) return at;
  if (kind !== 6) {
    const text = bytes.toString('latin1', at, at + length);
    if (kind === 2 && JSON.stringify(text) !== `"${text}"`) throw new Error(`not as in JSON: ${text}`);
    return text;
  }
  const pairs: Values = {};
  for (let i = 0; i < length; i++) {
    const [key, keyBytes, value, valueMeta] = words.subarray(at / 4 + i * 4, at / 4 + i * 4 + 4);
    pairs[bytes.toString('latin1', key, key! + keyBytes!)] = read(value!, valueMeta!);
  }
  return pairs;
}

export function timeOf(): string | undefined {
  const ms = words[row / 4]! + words[row / 4 + 1]! * 2 ** 32;
  return ms === 0 ? undefined : new Date(ms).toISOString();
}

let state = Number(process_.env.FUZZ_SEED ?? 1);

export function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

/** The line with up to three bytes changed, left out or put in, mostly such that matter; or cut. */
export function mutated(line: string, signs: string): string {
  let text = line;
  for (let n = below(4); n > 0; n--) {
    const at = below(text.length + 1);
    const sign = below(4) > 0 ? signs[below(signs.length)]! : String.fromCharCode(below(256));
    const kind = below(4);
    if (kind === 0) text = text.slice(0, at) + sign + text.slice(at);
    else if (kind === 1) text = text.slice(0, at) + sign + text.slice(at + 1);
    else if (kind === 2) text = text.slice(0, at) + text.slice(at + 1);
    else if (below(3) === 0) text = text.slice(0, at);
  }
  return text.replaceAll('\n', '');
}
