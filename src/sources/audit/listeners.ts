/** Where audit events are listened for, all addresses under the same limits and one budget of bytes. */
import { chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Handler } from '../../http/answer.ts';
import { Budget } from '../../http/body.ts';
import type { Limits } from '../../http/limits.ts';
import { Listeners, tlsFiles } from '../../http/listeners.ts';
import { HttpServer } from '../../http/server.ts';
import { log } from '../../log.ts';
import { whereOf } from './listener-address.ts';
import type { AuditConfig } from './options.ts';
import { auditRefusal } from './refusal.ts';

/** Applications keep their connections. */
const LIMITS: Partial<Limits> = { connections: 1024, keep_ms: 120_000 };
/** Bodies of all requests that are on their way. */
const BUDGET_BYTES = 16 << 20;

export function auditListeners({ listen, tls, hosts }: AuditConfig, handler: Handler): Listeners {
  const budget = new Budget(BUDGET_BYTES);
  return new Listeners(
    'audit',
    listen.map((address) => {
      const where = whereOf(address);
      const names = 'path' in where ? null : { listen: address.replace('https://', ''), hosts, option: 'audit.hosts' };
      const files = 'host' in where && { tls: tlsFiles(tls) };
      async function open(): Promise<HttpServer> {
        // Who may write which stream is said with each request.
        const common = { where, access: { names }, ...files, budget, limits: LIMITS };
        const server = await HttpServer.open({ ...common, handler, refusal: auditRefusal });
        if ('path' in where) giveToGroup(where.path);
        return server;
      }
      return { address, open };
    }),
  );
}

/** The socket belongs to the group of its directory: whoever is in it may send. */
function giveToGroup(path: string): void {
  try {
    const { gid } = statSync(dirname(path));
    if (statSync(path).gid !== gid) chownSync(path, -1, gid);
  } catch (error) {
    const what = `cannot give ${path} to the group of its directory: ${(error as Error).message}`;
    log.warn(`audit: ${what}; only the agent's own group may send`);
  }
}
