/** A disk that does something else, or more, at each write of the local log. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

/** What the write is told: how many bytes were written, or why none were. */
type Written = Promise<{ bytesWritten: number }>;

/** Until what it gives is called, `around` is called in place of a write of these parts; `write` is that. */
export function aroundWrites(t: TestContext, around: (parts: Buffer[], write: () => Written) => Written): () => void {
  const original = promisify(fs.writev);
  const { mock } = t.mock.method(
    fs,
    'writev',
    (fd: number, parts: Buffer[], at: number, told: (error: Error | null, bytes?: number) => void) => {
      around(parts, () => original(fd, parts, at)).then(({ bytesWritten }) => told(null, bytesWritten), told);
    },
  );
  syncBuiltinESMExports();
  return () => {
    mock.restore();
    syncBuiltinESMExports();
  };
}
