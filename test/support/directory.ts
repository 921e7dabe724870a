/** A directory for one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
