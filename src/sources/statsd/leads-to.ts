/** Whether what is repeated comes back: a packet that does would be repeated for ever. */
import { isIPv4 } from 'node:net';
import type { ListenAddress } from '../../config/listener.ts';

const ALL = ['0.0.0.0', '::'];

/** What is sent to `to` comes to who listens at `at`; `mine`: the addresses that the machine has. */
export function leadsTo(to: ListenAddress, at: ListenAddress, mine: readonly string[] = []): boolean {
  if ('path' in to || 'path' in at) return 'path' in to && 'path' in at && to.kind === at.kind && to.path === at.path;
  if (to.kind !== at.kind || to.port !== at.port) return false;
  const [sent, heard] = [loopback(to.host), loopback(at.host)];
  if (to.host === at.host || (sent !== null && heard !== null && sent.some((address) => heard.includes(address))))
    return true;
  return ALL.includes(at.host) && (sent !== null || isLoopback(to.host) || mine.includes(to.host));
}

/** Addresses of this machine that its own name, or none, stands for; null: it is another one's. */
function loopback(host: string): string[] | null {
  if (host === 'localhost' || host === '::') return ['127.0.0.1', '::1'];
  if (host === '0.0.0.0') return ['127.0.0.1'];
  return host === '127.0.0.1' || host === '::1' ? [host] : null;
}

function isLoopback(host: string): boolean {
  return isIPv4(host) && host.startsWith('127.');
}
