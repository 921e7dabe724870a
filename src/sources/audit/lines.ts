/**
 * Lines of files that are an audit stream (`logs[].audit`): blocks that the tail has packed become links of the chain.
 *
 *   block -> records -> event.id is added, `truncated` is called `part` -> those that are in the chain are left out -> chained
 *
 * A line is on the medium when its file's position moves. After a kill the position may be behind: what is read again is known
 * by the id of the file and its offset, and is not chained again.
 */
import type { Account } from '../../core/account.ts';
import type { Block } from '../../core/block.ts';
import type { Chaining } from '../../core/chained.ts';
import { decompress } from '../../records/codecs.ts';
import { records } from '../../records/record-batch.ts';
import type { AuditIntake } from './intake.ts';
import type { EventMask } from './mask.ts';
import type { AuditLine } from './request.ts';

const MESSAGE_AT = '"message":'.length;
const MESSAGE = /"message":("(?:[^"\\]|\\.)*")/s;
const EVENT = '"event":{';
const CUT = '"flags":["truncated"]';
/** The line goes on in the next record. */
const PART = '"flags":["part"]';

export interface AuditedLinesOptions {
  intake: AuditIntake;
  account(input: string): Account;
  /** What is masked of an input's lines; null: nothing. */
  maskOf(input: string): EventMask | null;
  /** Why nothing is taken now; null: it is. */
  closed(): string | null;
  finish(): Promise<void>;
}

export class AuditedLines implements Chaining {
  readonly #o: AuditedLinesOptions;

  constructor(options: AuditedLinesOptions) {
    this.#o = options;
  }

  async take(block: Block): Promise<void> {
    const { intake, account, closed, maskOf } = this.#o;
    // Of one key, so of one input.
    const { input } = block.marks[0]!.stream.account;
    const mask = maskOf(input);
    const body = await decompress(block.codec, block.body);
    const lines: AuditLine[] = [];
    for (const { value } of records(body)) {
      const place = value && linePlace(value);
      if (!place) throw new Error(`a record for the audit stream ${block.key} is no line of a file`);
      lines.push({ ...place, bytes: eventOf((mask && maskedBehind(value, mask)) ?? value, place) });
    }
    await intake.takeLines(block.key!, lines, input, closed);
    // They were received when they were read, and once more when they were written; those that were known only once.
    account(input).received -= lines.length;
  }

  finish(): Promise<void> {
    return this.#o.finish();
  }
}

/** Which bytes of which file a record came from; null: it does not say. */
export function linePlace(record: Buffer): Omit<AuditLine, 'bytes'> | null {
  const { log } = JSON.parse(record.toString()) as {
    log?: { file?: Record<string, unknown>; [name: string]: unknown };
  };
  const { id, path } = log?.file ?? {};
  const { offset, length } = log ?? {};
  if (typeof id !== 'string' || typeof path !== 'string') return null;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) return null;
  return { file: id, path, from: offset as number, to: (offset as number) + (length as number) };
}

/**
 * The record of a line that is JSON without what is secret behind the escapes of that, which nothing else reads; null: there
 * is nothing.
 */
function maskedBehind(record: Buffer, mask: EventMask): Buffer | null {
  // A backslash of the line.
  if (!record.includes('\\\\')) return null;
  const text = record.toString();
  // It stands before everything that could look like it.
  const written = MESSAGE.exec(text);
  const masked = written && mask.maskLine(Buffer.from(JSON.parse(written[1]!) as string));
  if (!masked) return null;
  const at = written.index + MESSAGE_AT;
  return Buffer.from(text.slice(0, at) + JSON.stringify(masked.toString()) + text.slice(at + written[1]!.length));
}

/** The record as it is chained. What is looked for stands behind the line, where no text can hold it: quotes are escaped. */
function eventOf(record: Buffer, { file, from }: Omit<AuditLine, 'bytes'>): Buffer {
  const at = record.lastIndexOf(EVENT) + EVENT.length;
  const parts = [record.subarray(0, at), Buffer.from(`"id":"${file}-${from}",`), record.subarray(at)];
  const cut = record.lastIndexOf(CUT, at);
  if (cut >= 0) parts.splice(0, 1, record.subarray(0, cut), Buffer.from(PART), record.subarray(cut + CUT.length, at));
  return Buffer.concat(parts);
}
