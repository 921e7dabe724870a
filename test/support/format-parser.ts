/** A format of lines as a function, as the kernel's parser reads it. */
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
  return (line) => {
    const [from, to] = place(line);
    starts[0] = from;
    ends[0] = to;
    todo[0] = 1;
    formats.parseTexts(at, 0, 1, todo.byteOffset, INSTEAD, NO_CELL);
    const is = todo[0] === 0;
    const found: Values = {};
    const time = timeOf();
    if (time !== undefined) found['@timestamp'] = time;
    for (const [i, name] of names.entries()) {
      const value = valueIn(i + 1);
      if (value !== undefined) found[name] = value;
    }
    if (is) return found;
    if (Object.keys(found).length > 0) throw new Error(`a line that fails leaves ${JSON.stringify(found)}`);
    return null;
  };
}
