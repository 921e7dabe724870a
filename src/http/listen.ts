/** Addresses to listen on: `host:port`, or the path of a unix socket. */
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { needHere } from '../mounts/fs.ts';

export type Where = { host: string; port: number } | { path: string };

/** `host:port` or `[::1]:port`; without a port 80. */
export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const bare = colon < 0 || address.endsWith(']');
  const host = (bare ? address : address.slice(0, colon)).replace(/^\[(.*)\]$/, '$1');
  return { host, port: bare ? 80 : Number(address.slice(colon + 1)) };
}

/** Binds the server; rejects with the reason in words. Gives the address as `127.0.0.1:8687`, or the path. */
export async function listen(server: Server, where: Where): Promise<string> {
  try {
    if ('path' in where) {
      needHere(where.path, 'name');
      await removeStale(where.path);
      await bindSocket(server, where.path);
      return where.path;
    }
    await bind(server, where);
    const { family, address, port } = server.address() as AddressInfo;
    return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOTFOUND' && 'host' in where) throw new Error(`no address for ${where.host}: is the name right?`);
    if (code === 'EACCES' && 'path' in where && !existsSync(dirname(where.path))) throw new Error(REASONS.ENOENT);
    throw new Error(REASONS[code ?? ''] ?? message);
  }
}

function bind(server: Server, where: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Binds with mode 0660 from the first moment: listen(2) on a path happens within the call. */
function bindSocket(server: Server, path: string): Promise<void> {
  const before = process.umask(0o117);
  try {
    return bind(server, { path });
  } finally {
    process.umask(before);
  }
}

/** Removes a socket that a killed agent left behind; one that answers is in use, and what is no socket is not ours. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error('there is a file of that name, which is no socket');
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
  if (answers) throw Object.assign(new Error(), { code: 'EADDRINUSE' });
  unlinkSync(path);
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOENT: 'the directory does not exist',
};
