/** A format of lines as a function, as the kernel's parser reads it. */
import assert from 'node:assert/strict';
import { type FormatExports, type FormatProgram, NO_CELL, placeFormat } from '../../src/kernel/process/formats.ts';
import { arena, place, process, timeOf, UTC, type Values, valueIn } from './format-lab.ts';

const formats = process.exports<FormatExports>();
/** A cell that no format has. */
const INSTEAD = 63;
const table = () => arena.words(arena.reserve(4), 1);
const [starts, ends] = [table(), table()];
const todo = process.bytes.subarray(arena.reserve(1)).subarray(0, 1);
process.exports<{ useTexts(startsAt: number, endsAt: number): void }>().useTexts(starts.byteOffset, ends.byteOffset);

/** A parser of lines: fields by name, `@timestamp` among them, texts byte by byte; null: not of the format. */
export function parserOf(
  program: Omit<FormatProgram, 'cells' | 'zoneAt'> & { zoneAt?: number },
  names: readonly string[],
): (line: string | Buffer) => Values | null {
  const cells = names.map((_, i) => i + 1);
  const at = placeFormat(arena, { zoneAt: UTC, ...program, cells });
  const parse = (line: string | Buffer, message: number): Values | null => {
    const [from, to] = place(line);
    starts[0] = from;
    ends[0] = to;
    todo[0] = 1;
    // What is not to stay.
    if (message !== NO_CELL) process.setText(0, cells.at(-1)!, from, 1);
    formats.parseTexts(at, 0, 1, todo.byteOffset, INSTEAD, NO_CELL, message);
    const is = todo[0] === 0;
    const found: Values = {};
    const time = timeOf();
    if (time !== undefined) found['@timestamp'] = time;
    for (const [i, name] of names.entries()) {
      const value = valueIn(i + 1);
      if (value !== undefined) found[name] = value;
    }
    if (message !== NO_CELL)
      assert.equal(valueIn(message), is ? undefined : process.bytes.toString('latin1', from, to));
    if (is) return found;
    assert.deepEqual(found, {}, 'a line that fails leaves nothing');
    return null;
  };
  return (line) => {
    const found = parse(line, NO_CELL);
    assert.deepEqual(
      parse(line, INSTEAD),
      found,
      `a row that has nothing gets the same: ${JSON.stringify(String(line))}`,
    );
    return found;
  };
}
