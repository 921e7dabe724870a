/**
 * How full a file system is. statfs can hang (a server that is gone, a dead disk) and then holds one of libuv's four
 * threads for good, which all file work of the agent shares. So it is asked with a deadline, and one whose last call has
 * not come back is not asked again; with two such calls none is. What is on a mount of a kind that may hang holds none:
 * it is asked in a process of its own, by `stat` of coreutils.
 */
import { execFile } from 'node:child_process';
import { stat, statfs, statfsSync, statSync } from '../mounts/fs.ts';
import { mountOf } from '../mounts/places.ts';

const DEADLINE_MS = 1000;
const MAX_HUNG = 2;

/** `statfs` in bytes and inodes. */
export interface Room {
  bytes: number;
  free: number;
  /** What others than root may still use. */
  available: number;
  inodes: number;
  inodesFree: number;
}

/** Mount points whose last call has not come back, and how many of these hold a thread. */
const hung = new Set<string>();
let threads = 0;
/** Of those that hold one: they are asked one after the other, so that of many that hang no third one does. */
let turn: Promise<void> = Promise.resolve();

/**
 * `silent`: it does not answer in time, or did not the last time and still has not. `other`: what is there is not the file
 * system of this number (`major:minor`; null: it is not asked for): the host's mount is not seen from here. `root`: where the
 * host's files are seen.
 */
export async function roomOf(mountpoint: string, number: string | null, root = ''): Promise<Room | 'silent' | 'other'> {
  const path = `${root}${mountpoint}`;
  if (mountOf(path) !== null) return answerOf(mountpoint, () => askedElsewhere(path, number));
  const before = turn;
  const { promise, resolve: end } = Promise.withResolvers<void>();
  turn = promise;
  await before;
  try {
    return threads >= MAX_HUNG ? 'silent' : await answerOf(mountpoint, () => askedHere(path, number));
  } finally {
    end();
  }
}

/** In time. */
async function answerOf(mountpoint: string, ask: () => Promise<Room | 'other'>): Promise<Room | 'silent' | 'other'> {
  if (hung.has(mountpoint)) return 'silent';
  hung.add(mountpoint);
  const asked = ask().finally(() => hung.delete(mountpoint));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'silent'>((resolve) => {
    timer = setTimeout(resolve, DEADLINE_MS, 'silent');
  });
  // Where it is late nobody waits for it any more; whatever it says one day says nothing.
  asked.catch(() => undefined);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The same of one whose answer the kernel has in memory, where a hop to another thread costs ten times as much. `elsewhere`:
 * the way there leads over a mount that may hang.
 */
export function roomAtOnce(mountpoint: string, number: string | null, root = ''): Room | 'elsewhere' | 'other' {
  const path = `${root}${mountpoint}`;
  if (mountOf(path) !== null) return 'elsewhere';
  if (number !== null && numberOf(statSync(path).dev) !== number) return 'other';
  const { blocks, bsize, bfree, bavail, files, ffree } = statfsSync(path);
  return room(blocks, bfree, bavail, bsize, files, ffree);
}

async function askedHere(path: string, number: string | null): Promise<Room | 'other'> {
  threads++;
  try {
    if (number !== null && numberOf((await stat(path)).dev) !== number) return 'other';
    const { blocks, bsize, bfree, bavail, files, ffree } = await statfs(path);
    return room(blocks, bfree, bavail, bsize, files, ffree);
  } finally {
    threads--;
  }
}

/** The process ends when its call does. */
async function askedElsewhere(path: string, number: string | null): Promise<Room | 'other'> {
  if (number !== null && numberOf(Number(await asked(['-c', '%d', path]))) !== number) return 'other';
  const [blocks, free, available, size, inodes, inodesFree] = (await asked(['-f', '-c', '%b %f %a %S %c %d', path]))
    .split(' ')
    .map(Number);
  return room(blocks!, free!, available!, size!, inodes!, inodesFree!);
}

/** As the kernel packs them for `stat`. */
function numberOf(device: number): string {
  const high = Math.floor(device / 2 ** 32);
  const low = device >>> 0;
  const major = ((low >>> 8) & 0xfff) | (high & ~0xfff);
  const minor = ((low & 0xff) | ((low >>> 12) & ~0xff)) >>> 0;
  return `${major}:${minor}`;
}

function asked(args: string[]): Promise<string> {
  const options = {
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  } as const;
  return new Promise((resolve, reject) => {
    execFile('stat', args, options, (error, stdout) => {
      if (!error) resolve(stdout);
      // Where it may not be looked at, or is gone, there are no figures, as with df.
      else reject(Object.assign(error, { code: CODES.find(([text]) => error.message.includes(text))?.[1] }));
    });
  });
}

const CODES = [
  ['Permission denied', 'EACCES'],
  ['No such file', 'ENOENT'],
] as const;

function room(
  blocks: number,
  free: number,
  available: number,
  blockBytes: number,
  inodes: number,
  inodesFree: number,
): Room {
  const bytes = { bytes: blocks * blockBytes, free: free * blockBytes, available: available * blockBytes };
  return { ...bytes, inodes, inodesFree };
}
