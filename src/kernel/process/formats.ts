/** Formats of lines that are neither JSON nor patterns: their programs, for the kernel (as/process/found.as.ts has the form). */
import type { ProgramArena } from '../arena.ts';
import { placeSteps, type TimeExports } from './time.ts';

/** The parsers of as/process/formats.as.ts. */
const PARSERS = { access: 0, syslog: 1, klog: 2, csv: 3, logfmt: 4 } as const;
const OPTIONS_AT = 16;
const CELLS_AT = 32;
const CELL_BYTES = 8;
/** Values of structured data, and so many bytes each (as/process/structured.as.ts). */
export const STRUCTURED_ROOM = 128 * 32;

/** Pairs of logfmt, of two kinds, and so many bytes each (as/process/logfmt.as.ts). */
export const PAIRS_ROOM = 2 * 512 * 16;

/** For where quotes stand, up to the 1024th byte of a line: what as/process/quotes.as.ts has there. */
export function quotesRoom(arena: ProgramArena): number {
  return arena.place(Buffer.concat([Buffer.alloc(16, '"'), Buffer.alloc(16, '\\'), Buffer.alloc((1024 + 256) / 8)]));
}

export const TAKEN = 2;
/** No cell of a row. */
export const NO_CELL = 0xff;

export interface FormatExports extends TimeExports {
  /**
   * Makes the texts in use of the records [first, last) at `todo` fields, in place of cell `instead`, with the text in cell
   * `original` unless that is NO_CELL. The byte of those becomes 0. It becomes TAKEN where the row has pairs or other such
   * members already; that row and those of others stay as they are.
   *
   * `message`, unless it is NO_CELL: whatever stands in the rows is not to stay; those of texts that are not of the format
   * get nothing but the text, in this cell.
   */
  parseTexts(
    ...args: [
      program: number,
      first: number,
      last: number,
      todo: number,
      instead: number,
      original: number,
      message: number,
    ]
  ): void;
}

export interface FormatProgram {
  parser: keyof typeof PARSERS;
  /** Where the zone's table is; 0: UTC. */
  zoneAt: number;
  /** Numbers that the parser takes. */
  options: readonly number[];
  /** The row's cell of each of the format's fields; null: nobody wants it. */
  cells: readonly (number | null)[];
}

/** The address of the program. */
export function placeFormat(arena: ProgramArena, { parser, zoneAt, options, cells }: FormatProgram): number {
  const program = Buffer.alloc(CELLS_AT + cells.length * 2);
  const head = [PARSERS[parser], zoneAt, cells.length, arena.reserve(cells.length * CELL_BYTES)];
  for (const [i, word] of head.entries()) program.writeUInt32LE(word, i * 4);
  for (const [i, word] of options.entries()) program.writeUInt32LE(word, OPTIONS_AT + i * 4);
  for (const [i, cell] of cells.entries()) {
    program[CELLS_AT + i] = cell ?? NO_CELL;
    program[CELLS_AT + cells.length + i] = i;
  }
  return arena.place(program);
}

/** The address of address and bytes of each text. */
export function placeWords(arena: ProgramArena, words: readonly string[]): number {
  return placeSteps(
    arena,
    words.flatMap((word) => [arena.place(Buffer.from(word)), Buffer.byteLength(word)]),
  );
}
