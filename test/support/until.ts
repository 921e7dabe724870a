/** Waits for a fact. What is waited for in vain is said. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 20_000;

/** `what`, as the failure names it: `until('the connection is closed', () => peer.closed)`. */
export async function until(what: string, so: () => boolean, limit_ms = LIMIT_MS): Promise<void> {
  const start = performance.now();
  while (!so()) {
    assert.ok(performance.now() - start < limit_ms, `waited in vain: ${what}`);
    await sleep(5);
  }
}

/** As `until`, of a fact that has to be asked for. */
export async function eventually(what: string, so: () => Promise<boolean>, limit_ms = LIMIT_MS): Promise<void> {
  const start = performance.now();
  while (!(await so())) {
    assert.ok(performance.now() - start < limit_ms, `waited in vain: ${what}`);
    await sleep(20);
  }
}
