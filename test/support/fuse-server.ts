/**
 * A FUSE file system that shows a directory as it is, and stops answering when it is told to: `node fuse-server.ts
 * BACKING DIR`, in a mount namespace of its own (fuse.ts starts it). It says `ready` when DIR is mounted, and then takes a line a command:
 *
 *   hang        answers nothing more      hang 15     answers no request of these kinds (FUSE's numbers)
 *   slow 300    answers that much later   answer      answers again, and first what waits
 *
 * and says `ok NAME WAITING` to each, with the number of requests that it has not answered. What is 15 here is in
 * linux/fuse.h, as are all layouts.
 */
import { spawnSync } from 'node:child_process';
import fs, { type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [backing, dir] = process.argv.slice(2) as [string, string];

const LOOKUP = 1;
const FORGET = 2;
const GETATTR = 3;
const READLINK = 5;
const UNLINK = 10;
const RENAME = 12;
const LINK = 13;
const OPEN = 14;
const READ = 15;
const STATFS = 17;
const RELEASE = 18;
const INIT = 26;
const OPENDIR = 27;
const READDIR = 28;
const RELEASEDIR = 29;
const INTERRUPT = 36;
const BATCH_FORGET = 42;
const RENAME2 = 45;
const WITHOUT_ANSWER = new Set([FORGET, BATCH_FORGET, INTERRUPT]);
const IN_HEADER = 40;
const ERRNO: Record<string, number> = { ENOENT: 2, EIO: 5, EACCES: 13, EEXIST: 17, ENOTDIR: 20, EINVAL: 22, ENXIO: 6 };
const ENOSYS = 38;

interface Request {
  opcode: number;
  unique: bigint;
  node: bigint;
  body: Buffer;
}

const device = fs.openSync('/dev/fuse', 'r+');
const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, '/dev/test', dir], {
  stdio: ['ignore', 1, 2, device],
});
if (mounted.status !== 0) process.exit(1);

/** The paths of nodes, as they were looked up last. */
const paths = new Map<bigint, string>([[1n, backing]]);
const open = new Map<bigint, number>();
const lists = new Map<bigint, string[]>();
let handles = 0n;
let hanging: (opcode: number) => boolean = () => false;
let slow = 0;
let waiting: Request[] = [];

function text(body: Buffer, at: number): string {
  return body.toString('utf8', at, body.indexOf(0, at));
}

function answer({ unique }: Request, error: number, payload: Uint8Array = Buffer.alloc(0)): void {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + payload.length, 0);
  head.writeInt32LE(-error, 4);
  head.writeBigUInt64LE(unique, 8);
  try {
    fs.writeSync(device, Buffer.concat([head, payload]));
  } catch (failure) {
    // Whoever asked is gone.
    if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure;
  }
}

/** struct fuse_attr */
function attributes(stat: BigIntStats): Buffer {
  const out = Buffer.alloc(88);
  for (const [i, value] of [stat.ino, stat.size, stat.blocks].entries()) out.writeBigUInt64LE(value, i * 8);
  for (const [i, time] of [stat.atimeNs, stat.mtimeNs, stat.ctimeNs].entries()) {
    out.writeBigUInt64LE(time / 1_000_000_000n, 24 + i * 8);
    out.writeUInt32LE(Number(time % 1_000_000_000n), 48 + i * 4);
  }
  for (const [i, value] of [stat.mode, stat.nlink, stat.uid, stat.gid, stat.rdev, stat.blksize].entries()) {
    out.writeUInt32LE(Number(value), 60 + i * 4);
  }
  return out;
}

/** struct fuse_entry_out: valid for no time, so everything is asked here. */
function entry(path: string): Buffer {
  const stat = fs.lstatSync(path, { bigint: true });
  const node = stat.ino;
  paths.set(node, path);
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(node, 0);
  return Buffer.concat([out, attributes(stat)]);
}

function opened(handle: bigint): Buffer {
  const out = Buffer.alloc(16);
  out.writeBigUInt64LE(handle, 0);
  // FOPEN_DIRECT_IO: nothing is kept.
  out.writeUInt32LE(1, 8);
  return out;
}

function pathOf(node: bigint): string {
  const path = paths.get(node);
  if (path === undefined) throw Object.assign(new Error('no such node'), { code: 'ENOENT' });
  return path;
}

const replies: Record<number, (request: Request) => Buffer | undefined> = {
  [INIT]({ body }) {
    const out = Buffer.alloc(64);
    out.writeUInt32LE(7, 0);
    out.writeUInt32LE(Math.min(31, body.readUInt32LE(4)), 4);
    out.writeUInt32LE(1 << 20, 8);
    out.writeUInt16LE(12, 16);
    out.writeUInt16LE(9, 18);
    out.writeUInt32LE(1 << 20, 20);
    out.writeUInt32LE(1, 24);
    return out;
  },
  [LOOKUP]: ({ node, body }) => entry(join(pathOf(node), text(body, 0))),
  [GETATTR]({ node, body }) {
    // By its handle where it has one: its name may be gone.
    const fd = body.readUInt32LE(0) & 1 ? open.get(body.readBigUInt64LE(8)) : undefined;
    const out = Buffer.alloc(16);
    const stat = fd === undefined ? fs.lstatSync(pathOf(node), { bigint: true }) : fs.fstatSync(fd, { bigint: true });
    return Buffer.concat([out, attributes(stat)]);
  },
  [READLINK]: ({ node }) => Buffer.from(fs.readlinkSync(pathOf(node))),
  [OPEN]({ node }) {
    open.set(++handles, fs.openSync(pathOf(node), 'r'));
    return opened(handles);
  },
  [READ]({ body }) {
    const length = body.readUInt32LE(16);
    const out = Buffer.alloc(length);
    const got = fs.readSync(open.get(body.readBigUInt64LE(0))!, out, 0, length, Number(body.readBigUInt64LE(8)));
    return out.subarray(0, got);
  },
  [RELEASE]({ body }) {
    const handle = body.readBigUInt64LE(0);
    fs.closeSync(open.get(handle)!);
    open.delete(handle);
    return undefined;
  },
  [OPENDIR]({ node }) {
    lists.set(++handles, fs.readdirSync(pathOf(node)));
    return opened(handles);
  },
  /** struct fuse_dirent { ino, off, namelen, type, name }, to a multiple of 8 */
  [READDIR]({ node, body }) {
    const names = lists.get(body.readBigUInt64LE(0))!;
    const parts: Buffer[] = [];
    let left = body.readUInt32LE(16);
    for (let i = Number(body.readBigUInt64LE(8)); i < names.length; i++) {
      const name = Buffer.from(names[i]!);
      const out = Buffer.alloc(Math.ceil((24 + name.length) / 8) * 8);
      left -= out.length;
      if (left < 0) break;
      const stat = fs.lstatSync(join(pathOf(node), names[i]!), { bigint: true, throwIfNoEntry: false });
      out.writeBigUInt64LE(stat?.ino ?? 1n, 0);
      out.writeBigUInt64LE(BigInt(i + 1), 8);
      out.writeUInt32LE(name.length, 16);
      out.writeUInt32LE(Number((stat?.mode ?? 0n) >> 12n), 20);
      name.copy(out, 24);
      parts.push(out);
    }
    return Buffer.concat(parts);
  },
  [RELEASEDIR]: ({ body }) => void lists.delete(body.readBigUInt64LE(0)),
  [UNLINK]: ({ node, body }) => fs.unlinkSync(join(pathOf(node), text(body, 0))) as undefined,
  [RENAME]: ({ node, body }) => rename(node, body, 8),
  [RENAME2]: ({ node, body }) => rename(node, body, 16),
  [LINK]({ node, body }) {
    const to = join(pathOf(node), text(body, 8));
    fs.linkSync(pathOf(body.readBigUInt64LE(0)), to);
    return entry(to);
  },
  [STATFS]() {
    const out = Buffer.alloc(80);
    const stat = fs.statfsSync(backing, { bigint: true });
    const { blocks, bfree, bavail, files, ffree } = stat;
    for (const [i, value] of [blocks, bfree, bavail, files, ffree].entries()) out.writeBigUInt64LE(value, i * 8);
    out.writeUInt32LE(Number(stat.bsize), 40);
    out.writeUInt32LE(255, 44);
    return out;
  },
};

function rename(node: bigint, body: Buffer, at: number): undefined {
  const from = text(body, at);
  const to = text(body, at + Buffer.byteLength(from) + 1);
  fs.renameSync(join(pathOf(node), from), join(pathOf(body.readBigUInt64LE(0)), to));
}

function reply(request: Request): void {
  const { opcode } = request;
  const make = replies[opcode];
  if (!make) {
    answer(request, ENOSYS);
    return;
  }
  try {
    answer(request, 0, make(request));
  } catch (error) {
    answer(request, ERRNO[(error as NodeJS.ErrnoException).code ?? ''] ?? ERRNO.EIO!);
  }
}

function take(request: Request): void {
  if (WITHOUT_ANSWER.has(request.opcode)) return;
  if (hanging(request.opcode)) waiting.push(request);
  else if (slow > 0 && request.opcode !== INIT) setTimeout(reply, slow, request);
  else reply(request);
}

const buffer = Buffer.alloc((1 << 20) + 4096);
function next(): void {
  fs.read(device, buffer, 0, buffer.length, null, (error, got) => {
    if (error && error.code !== 'EINTR' && error.code !== 'EAGAIN') process.exit(error.code === 'ENODEV' ? 0 : 1);
    if (!error) {
      const body = Buffer.from(buffer.subarray(IN_HEADER, got));
      const node = buffer.readBigUInt64LE(16);
      take({ opcode: buffer.readUInt32LE(4), unique: buffer.readBigUInt64LE(8), node, body });
    }
    next();
  });
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [name, ...numbers] = line.split(' ');
    if (name === 'hang') {
      const kinds = new Set(numbers.map(Number));
      hanging = (opcode) => kinds.size === 0 || kinds.has(opcode);
    } else if (name === 'slow') slow = Number(numbers[0]);
    else if (name === 'answer') {
      hanging = () => false;
      const all = waiting;
      waiting = [];
      for (const request of all) reply(request);
    }
    console.log(`ok ${name} ${waiting.length}`);
  })
  // Where this ends, the mount does, and whoever waits is told.
  .on('close', () => process.kill(process.pid, 'SIGKILL'));
next();
console.log('ready');
