/** JSON as bytes, put together piece by piece in memory that is used again. Text comes as UTF-8 that was checked. */

const FIRST_BYTES = 64 * 1024;
/** An escaped byte: `\u001f`. */
const LONGEST_ESCAPE = 6;
const [QUOTE, BACKSLASH, SPACE, ZERO] = [0x22, 0x5c, 0x20, 0x30] as const;
const HEX = Buffer.from('0123456789abcdef');
/** By byte: what stands behind the backslash; 0: `u00` and its digits. */
const ESCAPES = new Uint8Array(SPACE);
for (const [byte, letter] of [
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r'],
] as const)
  ESCAPES[byte] = letter.charCodeAt(0);

export class JsonBytes {
  #out = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  clear(): void {
    this.#at = 0;
  }

  /** What was written, until the next call of anything here. */
  get bytes(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** ASCII, as it is. */
  raw(text: string): void {
    this.#room(text.length);
    const out = this.#out;
    let at = this.#at;
    for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  copy(bytes: Buffer): void {
    this.#room(bytes.length);
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** In quotes. */
  text(bytes: Buffer, from: number, end: number): void {
    this.#room((end - from) * LONGEST_ESCAPE + 2);
    const out = this.#out;
    let at = this.#at;
    out[at++] = QUOTE;
    for (let i = from; i < end; i++) {
      const byte = bytes[i]!;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) {
        out[at++] = byte;
        continue;
      }
      out[at++] = BACKSLASH;
      const letter = byte >= SPACE ? byte : ESCAPES[byte]!;
      if (letter) out[at++] = letter;
      else {
        out[at] = 0x75;
        out[at + 1] = ZERO;
        out[at + 2] = ZERO;
        out[at + 3] = HEX[byte >> 4]!;
        out[at + 4] = HEX[byte & 15]!;
        at += 5;
      }
    }
    out[at++] = QUOTE;
    this.#at = at;
  }

  /** In quotes, two digits a byte. */
  hex(bytes: Buffer, from: number, end: number): void {
    this.#room((end - from) * 2 + 2);
    const out = this.#out;
    let at = this.#at;
    out[at++] = QUOTE;
    for (let i = from; i < end; i++) {
      out[at++] = HEX[bytes[i]! >> 4]!;
      out[at++] = HEX[bytes[i]! & 15]!;
    }
    out[at++] = QUOTE;
    this.#at = at;
  }

  /** Of what is finite. */
  number(value: number): void {
    if (value >= 0 && value <= 0x3fff_ffff && (value | 0) === value) this.#digits(value | 0);
    // -0 is 0, as JSON.stringify has it.
    else this.raw(String(value + 0));
  }

  #digits(value: number): void {
    this.#room(10);
    let count = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count++;
    for (let i = this.#at + count - 1; i >= this.#at; i--) {
      const rest = (value / 10) | 0;
      this.#out[i] = ZERO + value - rest * 10;
      value = rest;
    }
    this.#at += count;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    const out = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(this.#at + bytes)));
    this.#out.copy(out, 0, 0, this.#at);
    this.#out = out;
  }
}
