/**
 * A real Chromium without a screen, driven by its DevTools protocol.
 *
 *   await using chromium = await startChromium();
 *   const page = await chromium.open(url, { width: 390, dark: true });
 *   await page.run('document.title')                 evaluated in the page, promises awaited
 *
 * Where it is missing and can be installed (root, apt-get), it is, once: Debian's chromium-headless-shell.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasProgram, notInstalled } from './debian.ts';

const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --force-device-scale-factor=1';
const PACKAGES = 'chromium-headless-shell fonts-liberation';
const START_MS = 30_000;
/** Whatever it is asked for it does in so long. */
const ANSWER_MS = 30_000;

function found(): string | undefined {
  return PROGRAMS.find(hasProgram);
}

/** Why there is no Chromium here, for a test's `skip` option; false when there is. */
export const noChromium = notInstalled('Chromium', PROGRAMS.map((name) => `command -v ${name}`).join(' || '), PACKAGES);

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) end(child);
});

/** With all processes of its own. */
function end(child: ChildProcess): void {
  process.kill(-child.pid!, 'SIGKILL');
}

export async function startChromium(): Promise<Chromium> {
  if (noChromium) throw new Error(noChromium);
  const profile = await mkdtemp(path.join(tmpdir(), 'runnel-chromium-'));
  const args = [...FLAGS.split(' '), '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(found()!, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const address = await addressOf(child);
  const socket = new WebSocket(address);
  await once(socket as unknown as EventTarget, 'open');
  return new Chromium(child, socket, profile);
}

async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  const late = setTimeout(() => end(child), START_MS);
  try {
    for await (const line of createInterface({ input: child.stderr! })) {
      said.push(line);
      const address = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (address) return address;
    }
  } finally {
    clearTimeout(late);
    child.stderr!.resume();
  }
  throw new Error(`Chromium does not start: ${said.join('\n')}`);
}

interface Message {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export interface Looks {
  width?: number;
  height?: number;
  dark?: boolean;
}

export class Chromium implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #socket: WebSocket;
  readonly #profile: string;
  readonly #asked = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #pages = new Map<string, Page>();
  #last = 0;

  constructor(child: ChildProcess, socket: WebSocket, profile: string) {
    this.#child = child;
    this.#socket = socket;
    this.#profile = profile;
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(data as string) as Message));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('Chromium has ended'));
    });
  }

  async open(url: string, { width = 1280, height = 900, dark = false }: Looks = {}): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId as string);
    this.#pages.set(sessionId as string, page);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`);
    await page.look({ width, height, dark });
    await page.send('Page.navigate', { url });
    return page;
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#asked.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
    const late = setTimeout(() => answer.reject(new Error(`Chromium does not answer ${method}`)), ANSWER_MS);
    return answer.promise.finally(() => clearTimeout(late));
  }

  #hear({ id, sessionId, method, params = {}, result = {}, error }: Message): void {
    if (id === undefined) {
      this.#pages.get(sessionId ?? '')?.hear(method!, params);
      return;
    }
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      end(child);
      await ended;
    }
    child.stderr!.destroy();
    this.#socket.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Page {
  /** What went wrong: exceptions, errors of the console, what its policy refused, requests that failed. */
  readonly errors: string[] = [];
  /** All that it asked for. */
  readonly requests: string[] = [];
  readonly #chromium: Chromium;
  readonly #session: string;

  constructor(chromium: Chromium, session: string) {
    this.#chromium = chromium;
    this.#session = session;
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#chromium.send(method, params, this.#session);
  }

  hear(method: string, params: Record<string, unknown>): void {
    const said = JSON.stringify(params);
    if (method === 'Runtime.exceptionThrown') this.errors.push(said);
    if (method === 'Runtime.consoleAPICalled' && ['error', 'warning'].includes(params.type as string)) {
      this.errors.push(said);
    }
    if (method === 'Log.entryAdded') this.errors.push(said);
    if (method === 'Network.requestWillBeSent') this.requests.push((params.request as { url: string }).url);
  }

  async look({ width = 1280, height = 900, dark = false }: Looks): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await this.send('Emulation.setScrollbarsHidden', { hidden: true });
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  /** What an expression gives in the page. */
  async run<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', asked);
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Waits until an expression is true. */
  async until(expression: string): Promise<void> {
    for (const deadline = performance.now() + 20_000; !(await this.run(`Boolean(${expression})`)); await sleep(50)) {
      if (performance.now() < deadline) continue;
      assert.fail(`${expression}: ${this.errors.join('\n')}\n${await this.run('document.body.innerText')}`);
    }
  }

  /** Presses a key, by its name (`Tab`, `Enter`, `ArrowLeft`). */
  async press(key: string): Promise<void> {
    const codes: Record<string, number> = { Tab: 9, Enter: 13, Home: 36, End: 35, ArrowLeft: 37, Escape: 27 };
    const text = key === 'Enter' ? { text: '\r' } : {};
    const event = { key, code: key, windowsVirtualKeyCode: codes[key] ?? 0, ...text };
    await this.send('Input.dispatchKeyEvent', { type: key === 'Enter' ? 'keyDown' : 'rawKeyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** A picture of all of it (PNG). */
  async picture(file: string, whole = true): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: whole });
    await writeFile(file, Buffer.from(data as string, 'base64'));
  }
}
