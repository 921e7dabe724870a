/**
 * The process in which the modules of checks run, all of them together: what they do to it, an endless loop or memory
 * without a bound, ends it and not the agent. A module is loaded once, and kept.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { endWithParent } from '../../native.ts';
import type { CheckDefinition } from './define.ts';
import { faultOf } from './module-fault.ts';
import { type Measurement, type ModuleRan, monotonic, type RunModule } from './module-messages.ts';

const DEFINE = new URL(import.meta.url.endsWith('.ts') ? './define.ts' : './define.js', import.meta.url);

/** As they were before any module. */
const send = process.send?.bind(process);
const exit = process.exit.bind(process);

/** The modules that were asked for. */
const checks = new Set<string>();
/** How often they could not be loaded. */
const failures = new Map<string, number>();
/** What was loaded last, of them and of what they import. */
let last: string | null = null;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@runnel/agent/check')
      return { url: DEFINE.href, format: ownFormat(DEFINE.href), shortCircuit: true };
    const found = next(specifier, context);
    // What the configuration names has `export default`, whatever package it lies in.
    return checks.has(found.url) ? { ...found, format: ownFormat(found.url) } : found;
  },
  load(url, context, next) {
    last = url;
    return next(url, context);
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
    const { default: check } = await load(path);
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
      signal: AbortSignal.timeout(Math.max(1, until - monotonic())),
    });
  } catch (error) {
    ran.error = await faultOf(error, path, last);
  }
  return ran;
}

/** What threw while it was loaded would do so for ever: it is loaded anew for the next run, under another URL. */
async function load(path: string): Promise<{ default?: CheckDefinition }> {
  const plain = pathToFileURL(path).href;
  const failed = failures.get(plain) ?? 0;
  const url = failed === 0 ? plain : `${plain}?${failed}`;
  checks.add(url);
  try {
    return await import(url);
  } catch (error) {
    failures.set(plain, failed + 1);
    checks.delete(url);
    throw error;
  }
}

function ownFormat(url: string): 'module' | 'module-typescript' | 'commonjs' {
  const { pathname } = new URL(url);
  if (/\.c[jt]s$/.test(pathname)) return 'commonjs';
  return /\.m?ts$/.test(pathname) ? 'module-typescript' : 'module';
}

function texts(attributes: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
}
