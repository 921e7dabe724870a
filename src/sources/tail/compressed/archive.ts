/**
 * What is compressed, by its name and by its first bytes: those that are read, and all that hold no lines, whatever they
 * are called (logrotate's compresscmd, a temporary name, a plain one), tar's too. The first bytes tell, as far as a kind has
 * any that no text begins with.
 */
import { closeSync, readSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';

/** How the compressed files that can be read are compressed. */
export type Compression = 'gzip' | 'zstd';

/** How a file is compressed that is read, by its name or the pattern for it; null: it is read as it is. */
export function compression(path: string): Compression | null {
  if (path.endsWith('.gz')) return 'gzip';
  return path.endsWith('.zst') ? 'zstd' : null;
}

/** Whether of the kinds of `archiveOf` this is one that can be read. */
export function isRead(kind: string): kind is Compression {
  return kind === 'gzip' || kind === 'zstd';
}

/** So many first bytes tell. */
export const TELLING_BYTES = 512;

interface Kind {
  name: string;
  /** Bytes in hexadecimal; a dot is any digit. */
  begins: string;
  /** What else has to be so. */
  and?: (bytes: Buffer) => boolean;
}

const KINDS: readonly Kind[] = [
  // RFC 1952: deflate, and of the flags the three that are reserved are 0.
  { name: 'gzip', begins: '1f8b08', and: (b) => b.length < 4 || (b[3]! & 0xe0) === 0 },
  { name: 'zstd', begins: '28b52ffd' },
  // A frame to be skipped, of zstd or lz4: parallel compressors begin with one.
  { name: 'zstd', begins: '5.2a4d18' },
  { name: 'xz', begins: 'fd377a585a00' },
  // The number pi, or that of the end where there is nothing.
  { name: 'bzip2', begins: '425a683.314159265359', and: isLevel },
  { name: 'bzip2', begins: '425a683.177245385090', and: isLevel },
  { name: 'zip', begins: '504b0304' },
  { name: 'zip', begins: '504b0506' },
  { name: 'zip', begins: '504b0708' },
  { name: 'lz4', begins: '04224d18' },
  { name: 'lz4', begins: '02214c18' },
  // The longest code has 9 to 16 bits.
  { name: 'compress', begins: '1f9d', and: (b) => b.length > 2 && isWithin(b[2]! & 0x7f, 9, 16) },
  { name: '7z', begins: '377abcaf271c' },
  { name: 'lzip', begins: '4c5a495001' },
  { name: 'lzop', begins: '894c5a4f00' },
  { name: 'lzma', begins: '5d0000', and: (b) => b.length > 12 && (b[12] === 0 || b[12] === 0xff) },
  { name: 'snappy', begins: 'ff060000734e61507059' },
  { name: 'rar', begins: '526172211a07' },
  // RFC 1950, as deflate with a window of 32 KiB has it. Texts may begin so, too.
  { name: 'zlib', begins: '7801', and: isNoText },
  { name: 'zlib', begins: '785e', and: isNoText },
  { name: 'zlib', begins: '789c', and: isNoText },
  { name: 'zlib', begins: '78da', and: isNoText },
];

/** Names that say it; of brotli, and of zlib with a smaller window, nothing else does. */
const NAMED =
  /\.(?:gz|tgz|zst|tzst|bz2|tbz2?|xz|txz|lzma|tlz|zip|lz4|Z|taz|7z|lz|lzo|sz|snappy|rar|tar|br|zz|zlib)(?:\.tmp|\.part|~)?$/;
const UNMARKED = /\.(?<name>br|zz|zlib)$/;

/** What a file with these first bytes is, if it is compressed or an archive; null: it may hold lines. */
export function archiveOf(bytes: Buffer, path: string): string | null {
  const head = bytes.toString('hex', 0, 16);
  const kind = KINDS.find(({ begins, and }) => startsWith(head, begins) && (and?.(bytes) ?? true));
  if (kind) return kind.name;
  if (isTar(bytes)) return 'tar';
  const unmarked = UNMARKED.exec(path)?.groups?.name;
  return unmarked !== undefined && isNoText(bytes) ? unmarked : null;
}

/** The same of the file that the path leads to; null also where it cannot be looked at. */
export function archiveAt(path: string): string | null {
  try {
    const opened = openRegular(path);
    if (!opened) return null;
    try {
      const bytes = Buffer.allocUnsafe(TELLING_BYTES);
      return archiveOf(bytes.subarray(0, readSync(opened.fd, bytes, 0, TELLING_BYTES, 0)), path);
    } finally {
      closeSync(opened.fd);
    }
  } catch {
    // The look that follows says why.
    return null;
  }
}

/** True if the name says that it is compressed, or an archive. */
export function isNamedArchive(path: string): boolean {
  return NAMED.test(path);
}

function startsWith(head: string, begins: string): boolean {
  if (head.length < begins.length) return false;
  for (let i = 0; i < begins.length; i++) if (begins[i] !== '.' && head[i] !== begins[i]) return false;
  return true;
}

function isLevel(bytes: Buffer): boolean {
  return isWithin(bytes[3]!, 0x31, 0x39);
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

/** A header of POSIX: the word, and the sum of its bytes with the eight of the sum itself as blanks. */
function isTar(bytes: Buffer): boolean {
  if (bytes.length < 512 || bytes.toString('latin1', 257, 262) !== 'ustar') return false;
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += bytes[i]!;
  return Number.parseInt(bytes.toString('latin1', 148, 156), 8) === sum;
}

/** True if there is a control character beside those that end lines, move, or colour. */
function isNoText(bytes: Buffer): boolean {
  return bytes.subarray(0, TELLING_BYTES).some((byte) => byte < 0x20 && !isWithin(byte, 8, 13) && byte !== 0x1b);
}
