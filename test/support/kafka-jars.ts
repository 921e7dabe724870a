/**
 * Apache Kafka's class path for tests, and how to run its programs.
 *
 * The jars come from Maven Central, once, into $RUNNEL_CACHE/kafka-VERSION or ~/.cache/runnel-test/kafka-VERSION; or from
 * $KAFKA_HOME/libs where a Kafka is installed. The first broker that is stopped leaves an archive of its loaded classes
 * beside them, which halves what the later ones take to start (4 s of CPU). A download goes into a folder of its own that is renamed when it is
 * complete; a lock file, with the process id in it, keeps parallel test files from downloading twice.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const VERSION = '4.3.1';
const ARTIFACTS = [
  ['org.apache.kafka', 'kafka_2.13', VERSION],
  ['org.apache.kafka', 'kafka-tools', VERSION],
  ['org.slf4j', 'slf4j-nop', '1.7.36'],
];
/** A short life in a crowd: one collector thread, one compiler. */
const JAVA = ['-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const run = promisify(execFile);

const cache = path.join(process.env.RUNNEL_CACHE || path.join(homedir(), '.cache', 'runnel-test'), `kafka-${VERSION}`);
const libs = process.env.KAFKA_HOME ? path.join(process.env.KAFKA_HOME, 'libs') : path.join(cache, 'libs');

/** The archive of loaded classes; none for a Kafka that may change under it. */
const classes = process.env.KAFKA_HOME ? null : path.join(cache, 'classes.jsa');

/** Why there is no Kafka here, for a test's `skip` option; false when there is, or can be. */
export const noKafka: string | false = whyNot();

function whyNot(): string | false {
  if (process.env.RUNNEL_TEST_NO_KAFKA) return process.env.RUNNEL_TEST_NO_KAFKA;
  if (!works('java')) return 'no Kafka: java (17 or later) is not on the PATH';
  if (!existsSync(libs) && !works('mvn')) return `no Kafka: there is none in ${libs}, and mvn is not on the PATH`;
  return false;
}

function works(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** The arguments of `java` that run `mainClass` of Kafka; downloads Kafka when that has not been done. */
export async function javaArguments(mainClass: string, args: readonly string[], heapMb = 256): Promise<string[]> {
  await ensureJars();
  return [`-Xmx${heapMb}m`, ...JAVA, '-cp', path.join(libs, '*'), mainClass, ...args];
}

/** Whether there is no archive of loaded classes yet, although there could be. */
export function wantsClasses(): boolean {
  return classes !== null && !existsSync(classes);
}

/** Java's option that uses the archive, or has one written to `file` when the program ends in order. */
export function classOption(file: string): string[] {
  if (classes === null) return [];
  return wantsClasses() ? [`-XX:ArchiveClassesAtExit=${file}`] : [`-XX:SharedArchiveFile=${classes}`];
}

/** Takes the archive that was written to `file`. */
export async function keepClasses(file: string): Promise<void> {
  if (classes === null || !existsSync(file)) return;
  const copy = `${classes}.${process.pid}`;
  await copyFile(file, copy);
  await rename(copy, classes);
}

/** Runs one of Kafka's command line programs to its end. */
export async function runJava(mainClass: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run('java', await javaArguments(mainClass, args), { maxBuffer: 1 << 28 });
}

export async function ensureJars(): Promise<void> {
  if (existsSync(libs)) return;
  await mkdir(cache, { recursive: true });
  const lock = path.join(cache, 'lock');
  while (!(await acquire(lock))) {
    await sleep(200);
    if (existsSync(libs)) return;
  }
  try {
    if (!existsSync(libs)) await download();
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

async function download(): Promise<void> {
  const dir = await mkdtemp(path.join(cache, 'download-'));
  const dependencies = ARTIFACTS.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>runnel.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>`;
  try {
    await writeFile(path.join(dir, 'pom.xml'), pom);
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs'];
    await run('mvn', ['-q', '-B', ...goal], { cwd: dir, timeout: 300_000 });
    await rename(path.join(dir, 'libs'), libs);
  } catch (error) {
    throw new Error(`cannot download Kafka ${VERSION} with mvn: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
