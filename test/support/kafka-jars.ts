/**
 * Apache Kafka's class path for tests, and how to run its programs.
 *
 * The jars come from Maven Central, once, into the folder kafka-VERSION of the cache (maven.ts); or from $KAFKA_HOME/libs
 * where a Kafka is installed. The first broker that is stopped leaves an archive of its loaded classes beside them, which
 * halves what the later ones take to start (4 s of CPU).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, fetchJars, whyNoJava } from './maven.ts';

const VERSION = '4.3.1';
const ARTIFACTS = [
  ['org.apache.kafka', 'kafka_2.13', VERSION],
  ['org.apache.kafka', 'kafka-tools', VERSION],
  ['org.slf4j', 'slf4j-nop', '1.7.36'],
] as const;
/** A short life in a crowd: one collector thread, one compiler. */
const JAVA = ['-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const run = promisify(execFile);

const cache = cacheFolder(`kafka-${VERSION}`);
const libs = process.env.KAFKA_HOME ? path.join(process.env.KAFKA_HOME, 'libs') : path.join(cache, 'libs');

/** The archive of loaded classes; none for a Kafka that may change under it. */
const classes = process.env.KAFKA_HOME ? null : path.join(cache, 'classes.jsa');

/** Why there is no Kafka here, for a test's `skip` option; false when there is, or can be. */
export const noKafka: string | false = process.env.RUNNEL_TEST_NO_KAFKA || whyNoJava('Kafka', libs);

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
  // Else it prints in the locale's, which may know ASCII alone.
  const utf8 = ['-Dstdout.encoding=UTF-8', '-Dfile.encoding=UTF-8'];
  return run('java', [...utf8, ...(await javaArguments(mainClass, args))], { maxBuffer: 1 << 28 });
}

export async function ensureJars(): Promise<void> {
  await fetchJars({ title: `Kafka ${VERSION}`, libs, artifacts: ARTIFACTS });
}
