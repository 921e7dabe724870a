/** Pairs of records that have members already, as where JSON was parsed before: of equal names the pairs' win. */
import type { Batch } from '../../core/batch.ts';
import { type FormatExports, NO_CELL, PAIRS_ROOM, placeFormat, TAKEN } from '../../kernel/process/formats.ts';
import { placeWordTable } from '../../kernel/process/words.ts';
import { SlowJson } from '../fields/slow-json.ts';
import type { ParseContext } from './format.ts';

const TO_DO = 1;

export class LogfmtMembers {
  readonly #context: ParseContext;
  readonly #into: string;
  /** All pairs go to the cell of the message. */
  #at = 0;
  #slow: SlowJson | undefined;

  constructor(
    { pair, assign, into = '' }: { pair: number; assign: number; into?: string | undefined },
    context: ParseContext,
  ) {
    this.#context = context;
    this.#into = into;
    const { program } = context;
    program.onSeal(() => {
      const { arena, message } = program;
      const options = [pair, assign, placeWordTable(arena, new Map()), arena.reserve(PAIRS_ROOM)];
      this.#at = placeFormat(arena, { parser: 'logfmt', zoneAt: 0, options, cells: [message, null] });
    });
  }

  merge(batch: Batch): void {
    const { program, texts, instead, original } = this.#context;
    const { todo } = program.texts;
    for (let i = todo.indexOf(TAKEN); i >= 0 && i < batch.count; i = todo.indexOf(TAKEN, i + 1)) {
      this.#slow ??= new SlowJson(program, program.tree.at(this.#into));
      const json = this.#jsonOf(i);
      todo[i] = TO_DO;
      if (json === null || !this.#slow.parse(json, i, instead)) continue;
      const { at, bytes } = texts(batch, i);
      if (original !== null) program.process.setText(i, original, at, bytes);
      todo[i] = 0;
    }
  }

  /** The pairs as JSON, which are parsed into the record's row once more; null: there is no room. */
  #jsonOf(i: number): Buffer | null {
    const { program } = this.#context;
    const { process, texts, message, width } = program;
    const kept = Array.from({ length: width }, (_, cell) => process.cellOf(i, cell));
    process.clearRows(i, 1);
    texts.todo[i] = TO_DO;
    process.exports<FormatExports>().parseTexts(this.#at, i, i + 1, texts.todoAt, message, NO_CELL, NO_CELL);
    const { at, bytes, meta } = process.cellOf(i, message);
    const pairs: string[] = [];
    for (let word = at / 4; word < at / 4 + bytes * 4; word += 4) {
      const [key, keyBytes, value, valueMeta] = process.words.subarray(word, word + 4);
      const isWord = ((valueMeta! >>> 24) & 15) === TRUE;
      const text = isWord ? 'true' : JSON.stringify(process.textAt(value!, valueMeta! & 0xffffff));
      pairs.push(`${JSON.stringify(process.textAt(key!, keyBytes!))}:${text}`);
    }
    for (const [cell, { at, meta }] of kept.entries()) process.setCell(i, cell, at, meta);
    return meta === 0 ? null : Buffer.from(`{${pairs.join()}}`);
  }
}

/** The kind of a cell of a word without a value. */
const TRUE = 5;
