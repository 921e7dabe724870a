/** MessagePack as tracers write it. */

/** An unsigned number of 64 bits, whatever it is. */
export class U64 {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

export type Packable =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | U64
  | readonly Packable[]
  | { [key: string]: Packable }
  | Map<Packable, Packable>;

/** A number is a double where it is no whole one. */
export function packed(value: Packable): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'string')
    return Buffer.concat([head(Buffer.byteLength(value), 0xa0, 31, 0xd9), Buffer.from(value)]);
  if (value instanceof U64) {
    const out = Buffer.alloc(9, 0xcf);
    out.writeBigUInt64BE(value.value, 1);
    return out;
  }
  if (typeof value === 'number') return packedNumber(value);
  if (value instanceof Uint8Array) return Buffer.concat([head(value.length, -1, -1, 0xc4), value]);
  if (Array.isArray(value)) return Buffer.concat([head(value.length, 0x90, 15, 0xdb), ...value.map(packed)]);
  const pairs = value instanceof Map ? [...value] : Object.entries(value as { [key: string]: Packable });
  return Buffer.concat([head(pairs.length, 0x80, 15, 0xdd), ...pairs.flat().map((one) => packed(one as Packable))]);
}

function packedNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 128) return Buffer.of(value);
  const out = Buffer.alloc(9);
  if (Number.isSafeInteger(value)) {
    out[0] = 0xd3;
    out.writeBigInt64BE(BigInt(value), 1);
  } else {
    out[0] = 0xcb;
    out.writeDoubleBE(value, 1);
  }
  return out;
}

/** `first`: of the short form for at most `most`; `long`: of the form with one byte; of arrays and maps there is none. */
function head(length: number, first: number, most: number, long: number): Buffer {
  if (length <= most) return Buffer.of(first | length);
  if (length < 256 && long !== 0xdb && long !== 0xdd) return Buffer.of(long, length);
  const out = Buffer.alloc(5);
  out[0] = long + 2;
  out.writeUInt32BE(length, 1);
  return out;
}
