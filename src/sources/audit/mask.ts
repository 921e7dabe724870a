/**
 * `mask` of audit events: what is secret is masked in the bytes that are sent, before they are looked at or hashed.
 *
 *   event -> without escapes that need not be -> masked -> its texts that have escapes still: each masked as what it means
 *            nothing found: as it came '--------------^
 */
import { isUtf8 } from 'node:buffer';
import { Pool, type Slot } from '../../core/pool.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { atOnce, MaskKernel } from '../../kernel/process/mask.ts';
import type { MaskRule } from '../../kernel/process/mask-rules.ts';
import { idOf, MOST_EVENT_BYTES } from './event.ts';
import { type AuditPlace, malformed } from './refusal.ts';

/** Before the event, as before lines: the kernel may look behind. */
const BEFORE = 64;
const LINE_FEED = 0x0a;
const BACKSLASH = 0x5c;
/** A text of JSON, with its quotes. */
const TEXT = /"(?:[^"\\]|\\.)*"/gs;

export class EventMask {
  readonly #slot: Slot;
  readonly #kernel: MaskKernel;
  /** A pattern was not through with what was masked last. */
  #tooLong = false;

  private constructor(slot: Slot, kernel: MaskKernel) {
    this.#slot = slot;
    this.#kernel = kernel;
  }

  /** In a memory of its own. Null: nothing is masked. `key`: for `with: hash`. */
  static async of(rules: readonly MaskRule[], key: Buffer | null): Promise<EventMask | null> {
    if (rules.length === 0) return null;
    const pool = new Pool(0);
    const kernel = new Kernel(pool.memory, pool.arenas);
    const slot = await pool.take(pool.share('audit'), 'batch');
    return new EventMask(slot, new MaskKernel(kernel.process, kernel.takeArena(), rules, key));
  }

  /**
   * The event as it is kept; one that is too large is left to be refused. Throws an AuditRefusal where a secret is no text, so
   * that no JSON would be left, where its id is one, by which others would be taken for it, and where a pattern is not through
   * with it. `line`: where it stands in NDJSON.
   */
  mask(event: Buffer, line?: number): Buffer {
    if (event.length > MOST_EVENT_BYTES) return event;
    const place: AuditPlace = line === undefined ? {} : { line };
    const kept = this.#kept(event, place);
    if (kept !== event && isJson(event) && idOf(event) !== idOf(kept)) {
      const what = 'has an event.id that mask would hide: ids are kept as they are, so take one without a secret';
      throw malformed(what, { ...place, field: 'event.id' });
    }
    return kept;
  }

  #kept(event: Buffer, place: AuditPlace): Buffer {
    // A digit may be written as \u0031.
    const plain = textsOf(event, (text) => text);
    const masked = this.#searched(plain, place) ?? event;
    if (masked !== event && isJson(event) && !isJson(masked)) {
      throw malformed('has a secret that is no text, and no JSON when that is masked: send it as text', place);
    }
    // What must have escapes, as line feeds, is in the way of patterns still.
    return textsOf(masked, (text) => this.#searched(Buffer.from(text), place)?.toString() ?? null);
  }

  /** A line of a file that is JSON, and was masked as it lies there: what is secret behind its escapes. Null: nothing is. */
  maskLine(line: Buffer): Buffer | null {
    const masked = this.#masked(textsOf(line, (text) => text)) ?? line;
    const all = textsOf(masked, (text) => this.#masked(Buffer.from(text))?.toString() ?? null);
    return all === line ? null : all;
  }

  /** As `#masked`; what takes too many steps would be masked as a whole, and of an event nothing but secrets may be. */
  #searched(text: Buffer, place: AuditPlace): Buffer | null {
    const masked = this.#masked(text);
    if (this.#tooLong) {
      throw malformed(
        'takes a pattern of mask too many steps: send less in one event, or make the pattern simpler',
        place,
      );
    }
    return masked;
  }

  /** Null: there is nothing secret in it. */
  #masked(text: Buffer): Buffer | null {
    const { bytes, bytesAt, starts, ends, source, length, flags } = this.#slot;
    bytes[BEFORE - 1] = LINE_FEED;
    text.copy(bytes, BEFORE);
    bytes[BEFORE + text.length] = LINE_FEED;
    starts[0] = bytesAt + BEFORE;
    ends[0] = starts[0]! + text.length;
    source[0] = 0;
    length[0] = text.length;
    flags[0] = 0;
    const { found, tooLong } = atOnce(this.#kernel.mask(this.#slot, 1, 0, false));
    this.#tooLong = tooLong > 0;
    if (found.every((secrets) => secrets === 0)) return null;
    return Buffer.from(bytes.subarray(starts[0]! - bytesAt, ends[0]! - bytesAt));
  }
}

/** The event with its texts that have escapes as `change` gives them, written again; null: as it came. */
function textsOf(event: Buffer, change: (text: string) => string | null): Buffer {
  // What is no JSON is refused later.
  if (!event.includes(BACKSLASH) || !isUtf8(event) || !isJson(event)) return event;
  const json = event.toString();
  const changed = json.replace(TEXT, (written) => {
    const text = written.includes('\\') ? change(JSON.parse(written) as string) : null;
    return text === null ? written : JSON.stringify(text);
  });
  return changed === json ? event : Buffer.from(changed);
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}
