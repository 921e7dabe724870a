/**
 * Ports for programs that tests start, end and start again.
 *
 * A port that the system gives (`listen(0)`) is anybody's again as soon as it is closed: while a broker is down, another
 * test's server or connection may have it, of this run or of one beside it. So these are below the range that the system
 * gives from, and a file says who has each, for as long as its process lives.
 */
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = 10_000;
const CLAIMS = join(tmpdir(), 'runnel-test-ports');
const mine: string[] = [];

process.on('exit', () => {
  for (const claim of mine) rmSync(claim, { force: true });
});

/** So many TCP ports of the loopback interface, free (for UDP, too, as nobody here takes these) and ours. */
export async function freePorts(count: number): Promise<number[]> {
  mkdirSync(CLAIMS, { recursive: true });
  const end = systemsFirst();
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST + Math.floor(Math.random() * (end - FIRST));
    if (claim(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** The first port that the system gives by itself. */
function systemsFirst(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768;
  }
}

/** False: a process that lives has it. */
function claim(port: number): boolean {
  const path = join(CLAIMS, String(port));
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      mine.push(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (isHeld(path)) return false;
    }
  }
}

/** Takes the claim of a process that is gone away. */
function isHeld(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // Not written yet.
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true;
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(path, { force: true });
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
