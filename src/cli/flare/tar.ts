/**
 * A tar archive in memory (POSIX.1-1988 ustar): a head of 512 bytes a file, its bytes filled up to 512, two heads of zeros.
 *
 *   name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100 | "ustar\0" "00" | ... prefix 155
 */
export interface TarFile {
  /** At most 100 bytes. */
  name: string;
  bytes: Uint8Array;
}

const BLOCK = 512;

/** `time`: of all of them, milliseconds since the epoch. */
export function tar(files: readonly TarFile[], time: number): Buffer {
  const parts = files.flatMap(({ name, bytes }) => {
    const filling = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
    return [headOf(name, bytes.length, time), bytes, filling];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headOf(name: string, size: number, time: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name} has more than the 100 bytes that a name may have`);
  const head = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) => head.write(value.toString(8).padStart(digits, '0'), at);
  head.write(name, 0);
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(Math.floor(time / 1000), 136, 11);
  head.fill(' ', 148, 156);
  head.write('0', 156);
  head.write('ustar\x0000', 257, 'latin1');
  const sum = head.reduce((total, byte) => total + byte, 0);
  octal(sum, 148, 6);
  head[154] = 0;
  return head;
}
