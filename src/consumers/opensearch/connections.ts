/** Connections to nodes, kept for the next request; with TLS where the URL is https. */
import type { Agent as HttpAgent } from 'node:http';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { Agent } from '../../builtin.ts';
import { abortable } from '../../core/abort.ts';
import { dial } from '../../kafka/connect/dial.ts';
import { type TlsConfig, tlsOptions } from '../../kafka/connect/security.ts';
import { inWords } from '../../kafka/connect/words.ts';

const CONNECT_TIMEOUT = 10_000;
/** Less than the 60 s after which what is between closes connections that nobody uses. */
const IDLE_MS = 30_000;
const MOST = 64;

/** There is no connection: nothing was asked. */
export class NoConnection extends Error {}

/** `option`: what the TLS options are called in the configuration. Keeps the process from nothing once it is destroyed. */
export function connectionsTo(address: URL, config: TlsConfig | null, option: string): HttpAgent {
  const agent = new Agent({ keepAlive: true, maxSockets: MOST, maxFreeSockets: MOST, timeout: IDLE_MS });
  const destroy = agent.destroy.bind(agent);
  let closed = false;
  return Object.assign(agent, {
    createConnection(_: unknown, created: (error: Error | null, socket?: Socket) => void): void {
      connect(address, config, option).then((socket) => {
        if (!closed) return created(null, socket);
        socket.destroy();
        created(new NoConnection('is not asked any more'));
      }, created);
    },
    destroy() {
      closed = true;
      destroy();
    },
  });
}

/** Rejects with a sentence that goes on from the address. */
async function connect(address: URL, config: TlsConfig | null, option: string): Promise<Socket> {
  const host = address.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = address.protocol === 'https:';
  const port = Number(address.port || (secure ? 443 : 80));
  const limit = AbortSignal.timeout(CONNECT_TIMEOUT);
  let at: 'dial' | 'tls' = 'dial';
  try {
    const socket = await dial(host, port, limit);
    socket.setNoDelay(true);
    if (!secure) return socket;
    at = 'tls';
    return await handshake(socket, host, config ?? {}, option, limit);
  } catch (error) {
    if (limit.aborted)
      throw new NoConnection('does not answer: is the port right, and does a firewall let it through?');
    const cut = /^(ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '');
    if (cut && at === 'tls') {
      throw new NoConnection(
        'ended the connection in the TLS handshake: does it speak TLS at this port? Else write http',
      );
    }
    const said = inWords(error as Error, { host, tls: secure, login: null, at });
    throw new NoConnection(
      said.replaceAll('Without TLS leave kafka.tls out', 'Else write http').replaceAll('kafka.tls', option),
    );
  }
}

async function handshake(
  socket: Socket,
  host: string,
  config: TlsConfig,
  option: string,
  limit: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  try {
    const secured = tls.connect({ socket, host, servername: servername(host), ...tlsOptions(config, option) });
    secured.once('error', reject);
    secured.once('secureConnect', () => resolve(secured));
    const ready = await abortable(promise, limit);
    return ready.off('error', reject);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A name; addresses are none (RFC 6066). */
function servername(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}
