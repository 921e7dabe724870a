/**
 * The application of otel-go/, built once into $RUNNEL_CACHE/otel-go-VERSION or ~/.cache/runnel-test. Its modules come from
 * Go's proxy, as go.sum has them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { cacheFolder } from './maven.ts';

const SOURCE = new URL('./otel-go/', import.meta.url).pathname;

/** The program, or why it cannot be had here. `from`: a folder with a Go module. */
export function goProgram(name: string, from = SOURCE): { program: string } | { missing: string } {
  const source = ['go.sum', 'main.go'].map((file) => readFileSync(`${from}${file}`, 'utf8')).join('');
  const folder = cacheFolder(`${name}-${createHash('sha256').update(source).digest('hex').slice(0, 12)}`);
  const program = `${folder}/${name}`;
  if (existsSync(program)) return { program };
  mkdirSync(folder, { recursive: true });
  const building = `${program}.${process.pid}`;
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', CGO_ENABLED: '0' };
  const options = { cwd: from, env, encoding: 'utf8', timeout: 600_000 } as const;
  const { status, stderr, error } = spawnSync('go', ['build', '-o', building, '.'], options);
  if (status !== 0) {
    return { missing: `go cannot build ${name}: ${error?.message ?? stderr.trim().split('\n').at(-1)}` };
  }
  renameSync(building, program);
  return { program };
}
