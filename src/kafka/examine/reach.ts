/**
 * Which brokers can be used from here: those of the configuration, then all of the cluster by the names that they give
 * themselves (`advertised.listeners`), which are what a client goes on with.
 */
import type { Link } from '../connect/connection.ts';
import { type Address, type Links, parseAddress } from '../connect/connections.ts';
import { metadata } from '../connect/requests.ts';
import type { Objection } from './asked.ts';

export interface BrokerFacts {
  address: string;
  /** It is in `kafka.brokers`; else the cluster names it. */
  configured: boolean;
  /** Null: it can be used. */
  error: string | null;
}

/** Of a large cluster not all are tried. */
const MOST_NODES = 50;

/** `link`: to one that can be used; null: there is none. `nodes`: how many the cluster has. */
export async function examineBrokers(
  links: Links,
  configured: readonly string[],
  findings: Objection[],
  signal: AbortSignal,
): Promise<{ brokers: BrokerFacts[]; link: Link | null; nodes: number }> {
  const addresses = configured.map(parseAddress);
  const tried = await Promise.all(addresses.map((address) => tryOne(links, address, signal)));
  const link = tried.find((one) => one.link)?.link ?? null;
  const brokers: BrokerFacts[] = tried.map(({ error }, i) => ({ address: configured[i]!, configured: true, error }));
  for (const [i, one] of tried.entries()) {
    const about = ['kafka', 'brokers', i];
    if (one.error !== null) {
      const rest = link ? '; the others are used meanwhile' : '';
      findings.push({ level: link ? 'warning' : 'error', about, message: `cannot be used: ${one.error}${rest}` });
    } else if (one.link!.cluster !== link!.cluster) {
      const message = `${configured[i]} is of another cluster (${one.link!.cluster}) than the first one (${link!.cluster}): name brokers of one`;
      findings.push({ level: 'error', about, message });
    }
  }
  if (!link) return { brokers, link, nodes: 0 };
  const { brokers: nodes } = await metadata(link, []);
  const known = new Set(addresses.map(nameOf));
  const others = nodes.filter((node) => !known.has(nameOf(node))).slice(0, MOST_NODES);
  const reached = await Promise.all(others.map((address) => tryOne(links, address, signal)));
  for (const [i, { error }] of reached.entries()) {
    const node = others[i]!;
    brokers.push({ address: nameOf(node), configured: false, error });
    if (error === null) continue;
    const message = `name broker ${node.nodeId}, which calls itself ${nameOf(node)} and cannot be used from here: ${error}; its advertised.listeners must be right for this machine`;
    findings.push({ level: 'error', about: ['kafka', 'brokers'], message });
  }
  return { brokers, link, nodes: nodes.length };
}

async function tryOne(links: Links, address: Address, signal: AbortSignal) {
  try {
    return { link: await links.to(address, 'admin', signal), error: null };
  } catch (error) {
    signal.throwIfAborted();
    return { link: null, error: (error as Error).message };
  }
}

function nameOf({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
