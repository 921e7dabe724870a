/**
 * The process in which the modules of checks run, all of them together: what they do to it, an endless loop or memory
 * without a bound, ends it and not the agent. A module is loaded once, and kept.
 */
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { endWithParent } from '../../native.ts';
import type { CheckDefinition } from './define.ts';
import type { Measurement, ModuleRan, RunModule } from './module-messages.ts';

const DEFINE = new URL(import.meta.url.endsWith('.ts') ? './define.ts' : './define.js', import.meta.url);

/** As they were before any module. */
const send = process.send?.bind(process);
const exit = process.exit.bind(process);

/** The modules that were asked for. */
const checks = new Set<string>();

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@runnel/agent/check')
      return { url: DEFINE.href, format: ownFormat(DEFINE.href), shortCircuit: true };
    const found = next(specifier, context);
    // What the configuration names has `export default`, whatever package it lies in.
    return checks.has(found.url) ? { ...found, format: ownFormat(found.url) } : found;
  },
});
endWithParent();
process.on('disconnect', () => exit(0));
// What a module leaves behind unhandled is no reason to end the others; its own run says what it says.
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', () => undefined);
process.on('message', async (order: RunModule) => {
  const ran = await run(order);
  send?.(ran);
});

async function run({ id, path, options, most, until }: RunModule): Promise<ModuleRan> {
  const ran: ModuleRan = { id, measurements: [], left: 0, state: 0, message: null, error: null };
  const take =
    (how: Measurement[0]) =>
    (name: string, value: number, attributes: Record<string, string> = {}, unit = '1') => {
      if (ran.measurements.length >= most) ran.left++;
      else ran.measurements.push([how, String(name), Number(value), texts(attributes), String(unit)]);
    };
  try {
    checks.add(pathToFileURL(path).href);
    const { default: check } = (await import(pathToFileURL(path).href)) as { default?: CheckDefinition };
    if (typeof check?.run !== 'function') throw new Error(`${path} has no default export of defineCheck({ run })`);
    await check.run({
      gauge: take('gauge'),
      count: take('count'),
      total: take('total'),
      histogram: take('histogram'),
      status(state, message) {
        ran.state = [0, 1, 2, 3].includes(state) ? state : 3;
        ran.message = message === undefined ? null : String(message).slice(0, 1000);
      },
      options,
      signal: AbortSignal.timeout(Math.max(1, Math.round(until - Date.now()))),
    });
  } catch (error) {
    ran.error = said(error, path);
  }
  return ran;
}

function ownFormat(url: string): 'module' | 'module-typescript' | 'commonjs' {
  if (/\.c[jt]s$/.test(url)) return 'commonjs';
  return /\.m?ts$/.test(url) ? 'module-typescript' : 'module';
}

function texts(attributes: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
}

/** `file:line: what`, where the stack knows. */
function said(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `${path}: throws ${String(error)}`;
  const stack = error.stack ?? '';
  const url = pathToFileURL(path).href;
  const place = stack.split('\n').find((line) => line.includes(url) || line.includes(path));
  const line = place && /:(\d+)(?::\d+)?\)?$/.exec(place.trim())?.[1];
  return `${line === undefined ? path : `${place!.includes(url) ? fileURLToPath(url) : path}:${line}`}: ${error.message}`;
}
