/** What is said of a configuration that is written as a file, each fault without the file's name. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/options.ts';

export async function writtenConfig(text: string): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-config-'));
  try {
    const path = join(dir, 'runnel.yaml');
    writeFileSync(path, text);
    await loadConfig(path, { env: {} });
    return [];
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.message.split('\n').map((line) => line.replace(/^[^:]*:/, ''));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
