/**
 * What this machine is: hardware, system, disks, network, packages; taken by a process of its own (inventory-child.ts),
 * and what changed since it was taken last.
 */
import { fork } from 'node:child_process';
import type { Packages } from './packages.ts';

const DEADLINE_MS = 120_000;
/** Changes that are named; how many there are is told in any case. */
const MOST_CHANGES = 100;
const PROGRAM = new URL(
  import.meta.url.endsWith('.ts') ? './inventory-child.ts' : './inventory-child.js',
  import.meta.url,
);

type Said = Record<string, unknown>;

export interface Inventory {
  hardware: Said;
  os: Said;
  disks: Said[];
  network: Said[];
  packages: Packages[];
}

export interface InventoryChange {
  /** `os.kernel`, `network.eth0.ip4`. */
  path: string;
  /** Null: it was not there, or is no more. */
  before: unknown;
  after: unknown;
}

/** Rejects with a sentence where the process fails, or says nothing in time. */
export function takeInventory(signal: AbortSignal, deadline_ms = DEADLINE_MS): Promise<Inventory> {
  return new Promise((resolve, reject) => {
    const child = fork(PROGRAM, [], {
      cwd: '/',
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      signal,
      timeout: deadline_ms,
      killSignal: 'SIGKILL',
    });
    child.once('message', (inventory) => resolve(inventory as Inventory));
    child.once('error', reject);
    child.once('exit', (code, by) => reject(new Error(`its process ended (${by ?? `exit code ${code}`})`)));
  });
}

/** Entries of lists go by their name (`network.eth0`). */
function flat(value: unknown, path: string, into: Map<string, unknown>): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) into.set(path, value);
  else if (Array.isArray(value)) {
    for (const [i, one] of value.entries()) flat(one, `${path}.${one?.name ?? one?.manager ?? i}`, into);
  } else for (const [key, one] of Object.entries(value)) flat(one, path === '' ? key : `${path}.${key}`, into);
  return into;
}

export function changesBetween(before: Inventory, after: Inventory): InventoryChange[] {
  const [old, now] = [flat(before, '', new Map()), flat(after, '', new Map())];
  const changes: InventoryChange[] = [];
  for (const path of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(path) ?? null, now.get(path) ?? null];
    if (was !== is) changes.push({ path, before: was, after: is });
  }
  return changes;
}

export interface InventoryOrigin {
  host: string;
  labels: Record<string, string>;
  /** `event.id`. */
  id: string;
}

/** The record of `runnel.events`. `before`: what was taken last; null: nothing was. */
export function inventoryRecord(
  inventory: Inventory,
  before: Inventory | null,
  now: number,
  from: InventoryOrigin,
): string {
  const changes = before === null ? [] : changesBetween(before, inventory);
  const { distro = '', release = '', kernel = '' } = inventory.os;
  const what = [distro, release, kernel].filter((word) => word !== '').join(' ');
  const message =
    before === null ? what : changes.length === 0 ? `${what}: nothing changed` : `${what}: ${sentenceOf(changes)}`;
  return JSON.stringify({
    '@timestamp': new Date(now).toISOString(),
    message,
    event: { id: from.id, kind: 'event', dataset: 'inventory', provider: 'runnel', severity: 'info' },
    title: `inventory of ${from.host}`,
    tags: {},
    host: { name: from.host },
    labels: from.labels,
    inventory,
    changes: changes.slice(0, MOST_CHANGES),
    changes_total: changes.length,
  });
}

function sentenceOf(changes: readonly InventoryChange[]): string {
  const named = changes.slice(0, 3).map(({ path }) => path);
  const more = changes.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''} changed`;
}
