/**
 * Loads a configuration: FILE, then conf.d/*.yaml beside it in name order, then the checks; all faults in one go.
 *
 *   text -> tree (YAML, ${...}) -> fitted to the schema -> merged -> read by the schema -> checked across options
 */

import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { createHash } from '../builtin.ts';
import { writableByOthers } from '../data-dir/writable.ts';
import type { CommonConfig, Env } from './config.ts';
import { writtenFor } from './elsewhere.ts';
import { ConfigError, type Fault, formatFault, MOST_FAULTS, type Path, type Saying } from './errors.ts';
import { fit, isFaulty, isMeant } from './fit.ts';
import { checkLogin } from './login.ts';
import type { CharacterKey, Fields, Section } from './option.ts';
import { readNamed, readSmall, reasonOf } from './read.ts';
import type { RawConfig } from './schema.ts';
import { labelAt, type Shape, shapeOf } from './shape.ts';
import { Substitution } from './substitute.ts';
import {
  type EmptyTree,
  isSet,
  mergeTrees,
  nodeAt,
  placeOf,
  plainValue,
  readTree,
  scalarAt,
  type Tree,
} from './tree.ts';

/** All that can be configured. */
export interface Options<C extends CommonConfig> {
  readonly schema: Section<Fields>;
  /** Fills in the defaults that depend on other options. `raw`: what the schema gives. */
  complete(raw: RawConfig & Record<string, unknown>, env: Env): C;
  check(config: C, refuse: Saying, warn: Saying): void;
}

export interface LoadedAs<C extends CommonConfig = CommonConfig> {
  config: C;
  /** Of the files as they stand on disk, without what `${...}` brings in. */
  hash: string;
  warnings: string[];
  /** The files it was read from, in order. */
  files: string[];
  /** What is to be said of an option, with its place. */
  says: (path: Path, message: string) => Fault;
  /** Whether a file sets this option (`statsd.listen`): a default may fail where a wish may not. */
  isSet: (option: string) => boolean;
}

/** A configuration and where it is. */
export interface LocatedAs<C extends CommonConfig = CommonConfig> extends Omit<LoadedAs<C>, 'files'> {
  /** Null: the built-in default. */
  path: string | null;
}

const MAX_CONFIG_BYTES = 4 << 20;
/** In conf.d. */
const MAX_FILES = 10_000;
/** Of files there that are not read; more are not told. */
const MOST_LEFT = 20;

/** Throws ConfigError with everything that is wrong. */
export async function loadWith<C extends CommonConfig>(
  path: string,
  options: Options<C>,
  { env = process.env }: { env?: Env } = {},
): Promise<LoadedAs<C>> {
  const faults: Fault[] = [];
  const shape = shapeOf(options.schema);
  const hash = createHash('sha256');
  const yaml = await import('yaml');
  const warnings: string[] = [];
  const files = [path, ...dropIns(path, faults, warnings)];
  const substitution = new Substitution(env, dirname(path));
  let tree: Tree = { kind: 'empty', place: { file: path, line: 1, column: 1 } } satisfies EmptyTree;
  for (const file of files) {
    const text = await readText(file, file === path, faults);
    if (text === null) continue;
    hash.update(`${text.length}:${text}`);
    const told = faults.length;
    const read = readTree(yaml, text, file, substitution, faults);
    const other = shape.kind === 'map' ? writtenFor(text, read, (key) => shape.fields.has(key)) : null;
    if (other) {
      faults.splice(told, faults.length, other);
      continue;
    }
    tree = mergeTrees(tree, fit(read, shape, '', faults), '', faults);
    if (faults.length > MOST_FAULTS) throw new ConfigError(first(faults, files));
  }
  const config = interpret(tree, options, shape, env, faults, warnings);
  if (config === null && faults.length === 0)
    faults.push({ file: path, line: 1, column: 1, message: 'cannot be used' });
  if (config === null || faults.length > 0) throw new ConfigError(first(faults, files));
  return {
    config,
    hash: hash.digest('hex').slice(0, 16),
    warnings: [...warnings, ...(await warningsOf(config, tree, files))],
    files,
    says: (path, message) => faultAt(tree, path, message),
    isSet: (option) => isSet(tree, option.split('.')),
  };
}

/** Reads values as the schema wants them and checks them against each other. Null when they cannot be used. */
function interpret<C extends CommonConfig>(
  tree: Tree,
  { schema, complete, check }: Options<C>,
  shape: Shape,
  env: Env,
  faults: Fault[],
  warnings: string[],
): C | null {
  const values = plainValue(tree);
  const unfit = faults.map(({ message }) => message);
  let result = v.safeParse(schema, values);
  for (const issue of result.issues ?? []) {
    const keys = (issue.path ?? []).map((item) => item.key as string | number | CharacterKey);
    const path = keys.filter((key) => typeof key !== 'object');
    const within = keys.find((key) => typeof key === 'object')?.character;
    // What is missing or has the wrong form was said when the tree was fitted.
    if (issue.kind === 'schema') continue;
    // What did not fit was left out: that the whole lacks it would mislead.
    const isOfRest = path.length > 0 && unfit.some((message) => message.startsWith(`${optionName(path)}.`));
    if (isOfRest) {
      remove(values, path);
      continue;
    }
    const place = (within !== undefined && scalarAt(tree, path)?.placeOf(within)) || placeOf(tree, path);
    faults.push({ ...place, message: `${optionName(path)} ${complaint(issue.message, tree, shape, path)}` });
    remove(values, path);
  }
  // Once more without what is wrong, so that the checks across options can speak in the same go.
  if (!result.success) {
    for (const issue of v.safeParse(schema, compact(values)).issues ?? []) {
      // A section that lacks what it must have; an item that lacks something ends it here.
      const parent = (issue.path ?? []).slice(0, -1).map((item) => item.key as string | number);
      if (typeof parent.at(-1) === 'string') remove(values, parent);
    }
    result = v.safeParse(schema, values);
  }
  if (!result.success) return null;
  const config = complete(result.output as never, env);
  /** Also where it cannot be used, which was told. */
  const isThere = (path: Path) => {
    const at = nodeAt(tree, path);
    return at !== undefined && (at.kind !== 'empty' || isFaulty(at, faults));
  };
  const refuse = (path: Path, message: string) => {
    const fault = faultAt(tree, path, message);
    // What is missing here may be what is wrong inside, which was told already; two inputs may say the same of an option.
    if (faults.some((told) => told.message === fault.message || isWithin(told.message, optionName(path)))) return;
    const needs = /^needs ([\w, ]+)/.exec(message)?.[1]?.split(/, | or /) ?? [];
    if (needs.some((key) => isMeant(key, optionName(path), faults) || isThere([...path.slice(0, -1), key]))) return;
    faults.push(fault);
  };
  checkLogin(config.kafka, refuse, isThere);
  check(config, refuse, (path, message) => warnings.push(formatFault(faultAt(tree, path, message))));
  return config;
}

/** What is wrong with a scalar. Nothing of it is shown when it may be a secret. */
function complaint(message: string, tree: Tree, shape: Shape, path: Path): string {
  const scalar = scalarAt(tree, path);
  if (scalar?.substituted) return `must be ${labelAt(shape, path)}: what \${...} put here is not, and is not shown`;
  return message.replaceAll('{}', () => JSON.stringify(scalar?.text.slice(0, 80) ?? ''));
}

function remove(values: unknown, path: Path): void {
  let at = values as Record<string | number, unknown> | undefined;
  for (const key of path.slice(0, -1)) at = at?.[key] as typeof at;
  if (at) at[path.at(-1)!] = undefined;
}

/** Takes what was removed out of lists; in maps undefined is as good as not there. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== undefined).map(compact);
  if (typeof value !== 'object' || value === null) return value;
  for (const [key, inner] of Object.entries(value)) (value as Record<string, unknown>)[key] = compact(inner);
  return value;
}

/** The configuration that values, written as in a file, stand for; for built-in defaults and tests. */
export function fromValues<C extends CommonConfig>(
  values: Record<string, unknown>,
  { schema, complete }: Options<C>,
  env: Env = process.env,
): C {
  return complete(v.parse(schema, values) as never, env);
}

function faultAt(tree: Tree, path: Path, message: string): Fault {
  return { ...placeOf(tree, path), message: `${optionName(path)} ${message}` };
}

/** Whether a message is about a part of an option. */
function isWithin(message: string, option: string): boolean {
  return message.startsWith(`${option}.`) || message.startsWith(`${option}[`);
}

/** `logs[0].include[1]` */
export function optionName(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}

/** The configuration and what is beside it, in the order in which they are read. */
export function filesOf(path: string): string[] {
  return [path, ...dropIns(path, [], [])];
}

function dropIns(path: string, faults: Fault[], warnings: string[]): string[] {
  const folder = join(dirname(path), 'conf.d');
  const refuse = (message: string) => faults.push({ file: folder, line: 1, column: 1, message });
  let names: string[];
  try {
    const all = readdirSync(folder).filter((name) => !name.startsWith('.'));
    names = all.filter((name) => name.endsWith('.yaml'));
    for (const name of all
      .filter((one) => /\.(yml|json)$|\.yaml$/i.test(one) && !names.includes(one))
      .slice(0, MOST_LEFT)) {
      const renamed = name.replace(/\.\w+$/, '.yaml');
      warnings.push(`${join(folder, name)}:1:1: is not read: only .yaml is, so call it ${renamed}`);
    }
    const unsafe = writableByOthers(folder);
    if (unsafe) refuse(unsafe);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') refuse(`cannot read the directory: ${reasonOf(error)}`);
    return [];
  }
  if (names.length > MAX_FILES) refuse(`has more than ${MAX_FILES} files: this is no configuration`);
  return names
    .sort()
    .slice(0, MAX_FILES)
    .map((name) => join(folder, name));
}

/** `named`: by whoever runs this, so it may be a pipe. */
export async function readText(
  file: string,
  named: boolean,
  faults: Fault[],
  what = 'the configuration',
): Promise<string | null> {
  const refuse = (message: string): null => {
    faults.push({ file, line: 1, column: 1, message });
    return null;
  };
  try {
    const bytes = named ? await readNamed(file, MAX_CONFIG_BYTES) : readSmall(file, MAX_CONFIG_BYTES);
    const unsafe = writableByOthers(file);
    if (unsafe) return refuse(unsafe);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return refuse('is not UTF-8 text');
    return refuse(`cannot read ${what}: ${(error as Error).message}`);
  }
}

/** In the order of files, lines and columns. */
function first(faults: Fault[], files: string[]): Fault[] {
  const ranks = new Map(files.map((file, i) => [file, i]));
  const rank = ({ file }: Fault) => ranks.get(file) ?? -1;
  const all = faults.sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  if (all.length <= MOST_FAULTS) return all;
  return [...all.slice(0, MOST_FAULTS), { ...all[MOST_FAULTS]!, message: 'and more, which are not told' }];
}

async function warningsOf(config: CommonConfig, tree: Tree, files: string[]): Promise<string[]> {
  const warnings: string[] = [];
  if (config.kafka.tls?.insecure) {
    warnings.push(
      "kafka.tls.insecure is on: the brokers' certificates are not checked, anyone between can read and change everything",
    );
  }
  for (const key of ['password', 'client_secret']) {
    const secret = scalarAt(tree, ['kafka', 'sasl', key]);
    if (!secret || secret.substituted || !files.includes(secret.place.file)) continue;
    const { mode } = await stat(secret.place.file);
    if (mode & 0o004) {
      warnings.push(
        `${secret.place.file} holds a password and every user of this machine can read it: chmod 640, or take it from \${file:...}`,
      );
    }
  }
  return warnings;
}
