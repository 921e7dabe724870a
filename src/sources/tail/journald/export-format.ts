/**
 * The export format of the journal (systemd's JOURNAL_EXPORT_FORMATS), as `journalctl -o export` writes it, taken apart
 * piece by piece as it comes.
 *
 *   entry   field ... LF
 *   field   NAME=value LF                            no LF in the value, and UTF-8
 *           NAME LF, u64 length, little-endian, value LF
 *
 * Of each value the first bytes are kept, up to a limit; how long it was is known of all. Of fields with one name the first
 * counts. Invariant: what is kept never is more than a piece that was pushed, and the limits of one entry together.
 */

/** One entry. Its buffers are views of what was pushed: they stay as they are. */
export interface ExportedEntry {
  readonly fields: ReadonlyMap<string, Buffer>;
  /** The beginning of MESSAGE; empty where it has none. */
  readonly message: Buffer;
  /** Bytes that it had. */
  readonly messageBytes: number;
}

const [LF, EQUALS] = [0x0a, 0x3d];
const EMPTY = Buffer.alloc(0);
const MESSAGE = 'MESSAGE';
/** Of values but that of the message. */
export const MOST_OF_FIELD = 1024;
/** journald takes names of 64. A line without `=` that is longer is no field. */
const MOST_OF_NAME = 256;

/** A value that does not end in what was pushed. */
interface Open {
  name: string;
  kept: Buffer[];
  keptBytes: number;
  bytes: number;
  /** Bytes that are still to come, with the LF behind them; null: it ends at an LF. */
  left: number | null;
}

export class ExportParser {
  readonly #wanted: ReadonlySet<string>;
  readonly #mostOfMessage: number;
  #pending: Buffer = EMPTY;
  #at = 0;
  #open: Open | null = null;
  #fields = new Map<string, Buffer>();
  #messageBytes = 0;

  /** `wanted`: names of fields that are kept beside the message; of that so many bytes. */
  constructor(wanted: Iterable<string>, mostOfMessage: number) {
    this.#wanted = new Set(wanted);
    this.#mostOfMessage = mostOfMessage;
  }

  push(piece: Buffer): void {
    const rest = this.#pending.subarray(this.#at);
    this.#pending = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    this.#at = 0;
  }

  /** The next whole entry; null: more has to be pushed. Throws where it is not of the format. */
  next(): ExportedEntry | null {
    for (;;) {
      if (this.#open && !this.#goOn(this.#open)) return null;
      const pending = this.#pending;
      const at = this.#at;
      if (at === pending.length) return null;
      if (pending[at] === LF) {
        this.#at++;
        // Several in a row are one.
        if (this.#fields.size > 0) return this.#entry();
        continue;
      }
      if (!this.#field(pending, at)) return null;
    }
  }

  /** False: it does not say yet what it is. */
  #field(pending: Buffer, at: number): boolean {
    const end = pending.indexOf(LF, at);
    const equals = pending.indexOf(EQUALS, at);
    if (equals >= 0 && (end < 0 || equals < end)) {
      const name = nameIn(pending, at, equals);
      if (end >= 0) {
        this.#keep(name, pending.subarray(equals + 1, end), end - equals - 1);
        this.#at = end + 1;
        return true;
      }
      // The line goes on: from here on it is not looked at again.
      this.#open = { name, kept: [], keptBytes: 0, bytes: 0, left: null };
      this.#at = equals + 1;
      return true;
    }
    if (end < 0) {
      if (pending.length - at > MOST_OF_NAME) throw new Error('what journalctl writes is not the export format');
      return false;
    }
    if (end + 9 > pending.length) return false;
    const bytes = Number(pending.readBigUInt64LE(end + 1));
    if (!Number.isSafeInteger(bytes)) throw new Error('what journalctl writes is not the export format');
    const name = nameIn(pending, at, end);
    this.#at = end + 9;
    this.#open = { name, kept: [], keptBytes: 0, bytes: 0, left: bytes + 1 };
    return true;
  }

  /** Takes what there is of an open value; true: that was its end. */
  #goOn(open: Open): boolean {
    const pending = this.#pending;
    const at = this.#at;
    let end: number;
    let whole: boolean;
    if (open.left === null) {
      const lf = pending.indexOf(LF, at);
      whole = lf >= 0;
      end = whole ? lf : pending.length;
      this.#at = whole ? lf + 1 : end;
    } else {
      const there = Math.min(open.left, pending.length - at);
      open.left -= there;
      whole = open.left === 0;
      this.#at = at + there;
      end = whole ? this.#at - 1 : this.#at;
    }
    const part = pending.subarray(at, end);
    open.bytes += part.length;
    const most = this.#mostOf(open.name);
    if (open.keptBytes < most && part.length > 0) {
      const kept = part.subarray(0, most - open.keptBytes);
      open.kept.push(kept);
      open.keptBytes += kept.length;
    }
    if (!whole) return false;
    this.#open = null;
    this.#keep(open.name, open.kept.length === 1 ? open.kept[0]! : Buffer.concat(open.kept), open.bytes);
    return true;
  }

  #mostOf(name: string): number {
    if (name === MESSAGE) return this.#mostOfMessage;
    return this.#wanted.has(name) ? MOST_OF_FIELD : 0;
  }

  #keep(name: string, value: Buffer, bytes: number): void {
    const most = this.#mostOf(name);
    if ((most === 0 && name !== MESSAGE) || this.#fields.has(name)) return;
    this.#fields.set(name, value.length > most ? value.subarray(0, most) : value);
    if (name === MESSAGE) this.#messageBytes = bytes;
  }

  #entry(): ExportedEntry {
    const fields = this.#fields;
    const message = fields.get(MESSAGE) ?? EMPTY;
    const entry = { fields, message, messageBytes: this.#messageBytes };
    this.#fields = new Map();
    this.#messageBytes = 0;
    return entry;
  }
}

function nameIn(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, Math.min(to, from + MOST_OF_NAME));
}
