/**
 * Sends the inventory of this machine as an event: soon after the start, then every hour. What it was last stands in
 * data_dir, so that changes over a restart are told, too.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { emitReceived } from '../../aggregate/emit.ts';
import { type Inventory, inventoryRecord, takeInventory } from '../../checks/inventory.ts';
import { pause } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import { replaceFile } from '../../core/files.ts';
import type { Output } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { valueEnvelope } from '../../records/envelope.ts';

/** The start has the machine for itself. */
const FIRST_MS = 15_000;
const EVERY_MS = 3_600_000;

export interface InventoryOptions {
  topic: string;
  host: string;
  tags: Record<string, string>;
  data_dir: string;
  account: Account;
  nextWindowId: () => string;
  /** For tests. */
  first_ms?: number;
}

/** Until the signal aborts. */
export async function sendInventories(options: InventoryOptions, output: Output, signal: AbortSignal): Promise<void> {
  const { host, tags, account } = options;
  const key = valueEnvelope(host);
  const stream: Stream = {
    name: 'inventory',
    topic: options.topic,
    key: host,
    account,
    replayable: false,
    envelope: () => key,
  };
  const path = join(options.data_dir, 'inventory.json');
  let before = lastOf(path);
  let wait = options.first_ms ?? FIRST_MS;
  while (await pause(wait, signal)) {
    wait = EVERY_MS;
    let inventory: Inventory;
    try {
      inventory = await takeInventory(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warnOnce(
        'inventory',
        `cannot take the inventory of this machine: ${(error as Error).message}; it is tried again in an hour`,
      );
      continue;
    }
    const from = { host, labels: tags, id: `${options.nextWindowId()}-0` };
    const record = inventoryRecord(inventory, before, Date.now(), from);
    if (!(await emitReceived(output, stream, [record], [1], signal))) return;
    before = inventory;
    // Where it cannot be written, what changed is told once more after the next start.
    await replaceFile(path, [Buffer.from(JSON.stringify(inventory))]).catch((error) =>
      log.warnOnce('inventory file', `cannot write ${path}: ${error.message}`),
    );
  }
}

/** Null: nothing is known, or what is there is none. */
function lastOf(path: string): Inventory | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Inventory;
  } catch {
    return null;
  }
}
