/**
 * Sockets that stay bound between one life of the input and the next (another configuration, a thread that died): what
 * comes meanwhile waits in them.
 */
import type { SocketPlace } from '../../../native/sockets.ts';
import { ListenSocket, type ReceiveOptions, type Reception } from './socket.ts';

export class KeptSockets {
  readonly #sockets = new Map<string, ListenSocket>();

  /** The one that was kept, or a new one. Throws the reason in the system's words. */
  take(address: string, place: SocketPlace, reception: Reception, options: ReceiveOptions): ListenSocket {
    const key = keyOf(address, options);
    const kept = this.#sockets.get(key);
    this.#sockets.delete(key);
    if (kept?.reachable) return kept;
    kept?.close();
    // With other options it is bound anew.
    for (const [other, socket] of this.#sockets) {
      if (!other.startsWith(`${address} `)) continue;
      socket.close();
      this.#sockets.delete(other);
    }
    return ListenSocket.open(place, reception, options);
  }

  keep(address: string, options: ReceiveOptions, socket: ListenSocket): void {
    const key = keyOf(address, options);
    this.#sockets.get(key)?.close();
    this.#sockets.set(key, socket);
  }

  /** Those of other addresses are closed. */
  only(addresses: readonly string[]): void {
    for (const [key, socket] of this.#sockets) {
      if (addresses.some((address) => key.startsWith(`${address} `))) continue;
      socket.close();
      this.#sockets.delete(key);
    }
  }
}

/** As it is configured: an address has no blank. */
function keyOf(address: string, { receiveBuffer, credentials }: ReceiveOptions): string {
  return `${address} ${receiveBuffer} ${credentials}`;
}
