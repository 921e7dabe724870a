/**
 * Java programs of Maven Central for tests: their jars, fetched once into $RUNNEL_CACHE/NAME or ~/.cache/runnel-test/NAME.
 *
 * A download goes into a folder of its own that is renamed when it is complete; a lock file, with the process id in it,
 * keeps parallel test files from downloading twice.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Jars {
  /** As errors name it: `Kafka 4.3.1`. */
  title: string;
  /** The folder to come; what stands beside it is the caller's. */
  libs: string;
  /** Group, artifact, version. */
  artifacts: readonly (readonly [string, string, string])[];
  /** What else the folder needs, done before it is in its place. */
  finish?: (libs: string) => Promise<unknown>;
}

/** A folder that outlives the tests. */
export function cacheFolder(name: string): string {
  return path.join(process.env.RUNNEL_CACHE || path.join(homedir(), '.cache', 'runnel-test'), name);
}

/** Why a program of `libs` cannot run here; false when it can, be it after a download. */
export function whyNoJava(title: string, libs: string): string | false {
  if (!works('java')) return `no ${title}: java (17 or later) is not on the PATH`;
  if (!existsSync(libs) && !works('mvn')) return `no ${title}: there is none in ${libs}, and mvn is not on the PATH`;
  return false;
}

function works(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Downloads what is not there. */
export async function fetchJars(jars: Jars): Promise<void> {
  if (existsSync(jars.libs)) return;
  const cache = path.dirname(jars.libs);
  await mkdir(cache, { recursive: true });
  const lock = path.join(cache, 'lock');
  while (!(await acquire(lock))) {
    await sleep(200);
    if (existsSync(jars.libs)) return;
  }
  try {
    if (!existsSync(jars.libs)) await download(jars, cache);
  } finally {
    await rm(lock, { force: true });
  }
}

/** Whether the lock is ours now. A lock whose process is gone is taken away. */
async function acquire(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Empty or absent: its process is just writing or just removing it.
  const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
  if (owner > 0 && !existsSync(`/proc/${owner}`) && existsSync('/proc/self')) await rm(lock, { force: true });
  return false;
}

async function download({ title, libs, artifacts, finish }: Jars, cache: string): Promise<void> {
  const dir = await mkdtemp(path.join(cache, 'download-'));
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>runnel.test</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>`;
  try {
    await writeFile(path.join(dir, 'pom.xml'), pom);
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs'];
    await run('mvn', ['-q', '-B', ...goal], { cwd: dir, timeout: 300_000 });
    await finish?.(path.join(dir, 'libs'));
    await rename(path.join(dir, 'libs'), libs);
  } catch (error) {
    throw new Error(`cannot download ${title} with mvn: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
