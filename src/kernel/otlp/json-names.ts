/** The names of the JSON form as a table for the kernel: as/otlp/json.as.ts has its layout. */
import { fieldsOf, MESSAGE_NAMES, type MessageName } from './schema.ts';
import { entryOf } from './table.ts';

const HEAD = 16;
const FIELD = 16;
const REPEATED = 0x40;
/** Bytes that the length of a message is likely to take, where that is not one. */
const WIDTHS: Partial<Record<MessageName, number>> = {
  ResourceSpans: 4,
  ResourceMetrics: 4,
  ResourceLogs: 4,
  ScopeSpans: 4,
  ScopeMetrics: 4,
  ScopeLogs: 4,
  Span: 2,
  Metric: 2,
  LogRecord: 2,
  Resource: 2,
};

/** Bytes for it at `at`, with what may be read behind it. */
export function jsonNames(at: number): Buffer {
  const fields = MESSAGE_NAMES.map(fieldsOf);
  const listsAt = MESSAGE_NAMES.length * HEAD;
  let next = listsAt;
  let textAt = listsAt + fields.flat().length * FIELD;
  const texts = fields.flat().reduce((sum, { name }) => sum + name.length, 0);
  const table = Buffer.alloc(textAt + texts + HEAD);
  for (const [row, message] of MESSAGE_NAMES.entries()) {
    const words = [at + next, fields[row]!.length, WIDTHS[message] ?? 1];
    for (const [i, word] of words.entries()) table.writeUInt32LE(word, row * HEAD + i * 4);
    for (const field of fields[row]!) {
      const entry = entryOf(message, field) | (field.repeated ? REPEATED : 0);
      const of = [at + textAt, field.name.length, field.number, entry >>> 0];
      for (const [i, word] of of.entries()) table.writeUInt32LE(word, next + i * 4);
      textAt += table.write(field.name, textAt);
      next += FIELD;
    }
  }
  return table;
}
