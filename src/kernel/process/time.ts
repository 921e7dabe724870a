/** Reading times: programs of formats and a zone, for the kernel (as/process/times.as.ts has their form). */
import type { ProgramArena } from '../arena.ts';
import { transitions, zoneTable } from './zones.ts';

/** Formats that are read without steps; others are the steps of a `%`-pattern, a word each. */
const KNOWN = { iso: 0, epoch: 1, apache: 2, rfc3164: 3 } as const;
const STEPS = 4;

export type TimeFormat = keyof typeof KNOWN | readonly number[];

export interface TimeExports {
  /** Milliseconds since the epoch when the lines were read. */
  useClock(ms: number): void;
  /** Times after it are not believed. */
  useLatest(ms: number): void;
  readonly ahead: WebAssembly.Global;
}

const tables = new Map<string, Buffer>();

/** The address of a zone's table. The zone must be one. */
export function placeZone(arena: ProgramArena, zone: string): number {
  let table = tables.get(zone);
  if (!table) {
    table = zoneTable(transitions(zone));
    tables.set(zone, table);
  }
  return arena.place(table);
}

export function placeSteps(arena: ProgramArena, steps: readonly number[]): number {
  return arena.place(Buffer.from(Uint32Array.from(steps).buffer));
}

/** The address of a program that tries these formats in their order, with local time as in the zone placed at `zoneAt`. */
export function placeTime(arena: ProgramArena, formats: readonly TimeFormat[], zoneAt: number): number {
  const words = [zoneAt, formats.length];
  for (const format of formats) {
    if (typeof format === 'string') words.push(KNOWN[format], 0);
    else words.push(STEPS, placeSteps(arena, format));
  }
  return placeSteps(arena, words);
}
