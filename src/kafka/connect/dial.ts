/**
 * A TCP connection to a host whose name may have several addresses, as RFC 8305 has it:
 *
 *   address 1  |------ no answer yet ---------------- connected: used, the others are ended
 *   address 2       |--- failed
 *   address 3           |---------- no answer yet
 *              0   250 ms: the next one is tried, or at once when the one before has failed
 *
 * None is given up while another is tried. Node's own way gives each address but the last half a second: a broker that is
 * farther away, and whose name has another address that leads nowhere, is never reached.
 */

import dns from 'node:dns';
import net from 'node:net';
import { abortable } from '../../core/abort.ts';
import { ofAddresses } from './words.ts';

const NEXT_AFTER = 250;

/** Rejects with what went wrong at each address, or with the signal's reason. */
export async function dial(host: string, port: number, signal: AbortSignal): Promise<net.Socket> {
  const addresses = net.isIP(host) ? [host] : await addressesOf(host);
  signal.throwIfAborted();
  const tried = new Set<net.Socket>();
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const failures: { address: string; error: Error }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    clearTimeout(timer);
    const address = addresses[tried.size];
    if (address === undefined) return;
    const socket = net.connect({ host: address, port });
    tried.add(socket);
    if (tried.size < addresses.length) timer = setTimeout(next, NEXT_AFTER);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => {
      failures.push({ address, error });
      if (failures.length === addresses.length) reject(new Error(ofAddresses(failures)));
      else if ([...tried].at(-1) === socket) next();
    });
  };
  next();
  try {
    const used = await abortable(promise, signal);
    tried.delete(used);
    // From here on whoever has it hears of its end.
    return used.removeAllListeners('error');
  } finally {
    clearTimeout(timer);
    for (const socket of tried) socket.destroy();
  }
}

/** In the system's order, but families in turn: of one of them all may lead nowhere. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await new Promise<dns.LookupAddress[]>((resolve, reject) =>
    dns.lookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses))),
  );
  const first = found.filter(({ family }) => family === found[0]!.family);
  const other = found.filter(({ family }) => family !== found[0]!.family);
  return first
    .flatMap((one, i) => [one, ...other.slice(i, i + 1)])
    .concat(other.slice(first.length))
    .map(({ address }) => address);
}
