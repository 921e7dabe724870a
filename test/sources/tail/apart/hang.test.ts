/** A file system that does not answer: its files wait, and nothing else does. Where it answers, nothing is missing or twice. */
// Slow: mounts that hang have to be given up, and come back.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../../../src/report/shape.ts';
import { type Home, makeHome, type RunningAgent, runnel } from '../../../support/agent.ts';
import { type Fuse, Namespace, withFuse } from '../../../support/fuse.ts';

const READ = 15;

/** An agent's home with `backing/`, which is seen at `mount/`, and `local/`. */
class Scene implements AsyncDisposable {
  readonly home: Home;
  readonly space: Namespace;
  readonly logs: Record<string, unknown>[];

  private constructor(home: Home, space: Namespace) {
    this.home = home;
    this.space = space;
    const include = ['mount/**/*.log', 'local/*.log'].map((pattern) => home.path(pattern));
    this.logs = [
      { name: 'both', include, rotate_wait: '1s' },
      { name: 'other', include: [home.path('other/*.log')] },
    ];
  }

  static async make(): Promise<Scene> {
    const home = await makeHome();
    for (const dir of ['backing', 'mount', 'local', 'other']) mkdirSync(home.path(dir));
    return new Scene(home, await Namespace.make());
  }

  mount(): Promise<Fuse> {
    return this.space.fuse(this.home.path('backing'), this.home.path('mount'));
  }

  start(more: Record<string, unknown> = {}): Promise<RunningAgent> {
    return this.home.start({ logs: this.logs, ...more }, { through: this.space.through });
  }

  append(path: string, ...lines: string[]): void {
    appendFileSync(this.home.path(path), lines.map((line) => `${line}\n`).join(''));
  }

  /** What is in the local log, in the order of each file. */
  async lines(): Promise<string[]> {
    const { stdout } = await runnel('spool', 'cat', 'runnel.logs', '-c', this.home.path('runnel.yaml'));
    const records = stdout.split('\n').filter(Boolean);
    return records.map((record) => (JSON.parse(record) as { message: string }).message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.space[Symbol.asyncDispose]();
  }
}

function received(agent: RunningAgent, lines: number): Promise<Status> {
  return agent.until(({ conservation }) => conservation.total.received >= lines, `${lines} lines`, 20_000);
}

function hangs(agent: RunningAgent): Promise<Status> {
  return agent.until(({ reasons }) => reasons.some((reason) => reason.includes('does not answer')), 'it hangs', 15_000);
}

function answers(agent: RunningAgent): Promise<Status> {
  return agent.until(({ reasons }) => reasons.length === 0, 'it answers', 15_000);
}

/** The processes that the agent has started. */
function childrenOf({ pid }: RunningAgent): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

/** Without a list of all that differs. */
function same(lines: string[], expected: string[]): void {
  const at = expected.findIndex((line, i) => lines[i] !== line);
  const around = (all: string[]) => (at < 0 ? [] : all.slice(Math.max(0, at - 2), at + 3));
  assert.deepEqual(around(lines), around(expected), `the first that differs is ${at}`);
  assert.equal(lines.length, expected.length);
}

function numbered(from: number, to: number, name = 'line'): string[] {
  return Array.from({ length: to - from }, (_, i) => `${name} ${from + i}`);
}

test('one that answers nothing from the start holds up nothing but its files', withFuse, async () => {
  await using scene = await Scene.make();
  scene.append('backing/far.log', 'far');
  scene.append('local/near.log', 'near');
  scene.append('other/o.log', 'other');
  const fuse = await scene.mount();
  await fuse.hang();
  const agent = await scene.start({ statsd: { listen: ['udp://127.0.0.1:0'], flush_interval: '1s' } });
  await received(agent, 2);
  const status = await hangs(agent);
  assert.match(
    status.reasons.join(),
    /the file system at \S+mount \(fuse\) does not answer since 20.*: its files wait/,
  );
  let longest = 0;
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    assert.equal((await fetch(`${agent.admin}/health`)).status, 200);
    longest = Math.max(longest, performance.now() - start);
    scene.append('local/near.log', `near ${i}`);
    await sleep(5);
  }
  assert.ok(longest < 1000, `an answer took ${longest} ms`);
  const socket = createSocket('udp4');
  socket.send('hits:1|c', await agent.statsdPort(), '127.0.0.1');
  await agent.until(({ spool }) => spool.records === 53, 'all lines and the metric');
  socket.close();
  const start = performance.now();
  await agent.stop();
  assert.ok(performance.now() - start < 5000, 'the stop waits for it');

  await fuse.answer();
  const again = await scene.start();
  await received(again, 1);
  await again.stop();
  assert.deepEqual((await scene.lines()).sort(), ['far', 'near', 'other', ...numbered(0, 50, 'near')].sort());
});

test('one that hangs in the middle of a file goes on there, and in what it was renamed to', withFuse, async () => {
  await using scene = await Scene.make();
  const all = numbered(0, 60_000);
  scene.append('backing/far.log', ...all.slice(0, 40_000));
  const fuse = await scene.mount();
  await fuse.slow(20);
  const agent = await scene.start();
  await received(agent, 5000);
  await fuse.hang(READ);
  await hangs(agent);
  scene.append('local/near.log', 'near');
  await agent.until(({ logs }) => logs[0]!.files.some(({ path }) => path.endsWith('near.log')), 'the other file');
  scene.append('backing/far.log', ...all.slice(40_000, 50_000));
  renameSync(scene.home.path('backing/far.log'), scene.home.path('backing/far.log.1'));
  scene.append('backing/far.log', ...all.slice(50_000));
  await fuse.slow(0);
  await fuse.answer();
  await answers(agent);
  await received(agent, all.length + 1);
  await agent.stop();
  const lines = await scene.lines();
  const before = new Set(all.slice(0, 50_000));
  same(
    lines.filter((line) => before.has(line)),
    all.slice(0, 50_000),
  );
  same(lines.sort(), [...all, 'near'].sort());
});

test('what was read before it hung is safe, also from kill -9', withFuse, async () => {
  await using scene = await Scene.make();
  scene.append('backing/far.log', 'one', 'two');
  const fuse = await scene.mount();
  const agent = await scene.start();
  await received(agent, 2);
  await fuse.hang();
  await hangs(agent);
  scene.append('backing/far.log', 'three');
  const children = childrenOf(agent);
  assert.equal(children.length, 1);
  await agent.kill9();
  await fuse.answer();
  await gone(children[0]!);
  const again = await scene.start();
  await received(again, 1);
  await again.stop();
  assert.deepEqual(await scene.lines(), ['one', 'two', 'three']);
});

async function gone(pid: number): Promise<void> {
  for (let i = 0; readdirSync('/proc').includes(String(pid)); i++) {
    assert.ok(i < 400, 'the process has not ended with the agent');
    await sleep(10);
  }
}

test(
  'the process that reads is started again where it ends, and reads on, also where a link leads',
  withFuse,
  async () => {
    await using scene = await Scene.make();
    scene.append('backing/far.txt', ...numbered(0, 100));
    symlinkSync(scene.home.path('mount/far.txt'), scene.home.path('local/link.log'));
    await scene.mount();
    const agent = await scene.start();
    await received(agent, 100);
    const [child] = childrenOf(agent);
    assert.equal(readFileSync(`/proc/${child}/comm`, 'utf8'), 'runnel-mount\n');
    scene.append('backing/far.txt', ...numbered(100, 20_000));
    process.kill(child!, 'SIGKILL');
    await received(agent, 20_000);
    await agent.until(({ logs }) => logs[0]!.lines === 20_000, 'all are counted');
    assert.notDeepEqual(childrenOf(agent), [child]);
    await agent.stop();
    same(await scene.lines(), numbered(0, 20_000));
  },
);

test('one that is mounted later, hangs, and is mounted anew holds up nothing and loses nothing', withFuse, async () => {
  await using scene = await Scene.make();
  const { home } = scene;
  scene.append('mount/before.log', 'before');
  scene.append('local/near.log', 'near');
  const agent = await scene.start();
  await received(agent, 2);
  scene.append('backing/far.log', ...numbered(0, 1000, 'far'));
  const fuse = await scene.mount();
  await received(agent, 1002);
  await fuse.hang();
  symlinkSync(home.path('mount/far.log'), home.path('local/link.log'));
  symlinkSync(home.path('mount/below'), home.path('other/below'));
  await hangs(agent);
  scene.append('local/near.log', 'still near');
  scene.append('other/o.log', 'other');
  await received(agent, 1004);
  scene.space.run('umount', '--lazy', home.path('mount'));
  scene.append('backing/far.log', ...numbered(1000, 1100, 'far'));
  await scene.mount();
  await received(agent, 1104);
  await answers(agent);
  await agent.stop();
  const lines = await scene.lines();
  assert.deepEqual(
    lines.filter((line) => line.startsWith('far')),
    numbered(0, 1100, 'far'),
  );
  assert.deepEqual(lines.filter((line) => !line.startsWith('far')).sort(), ['before', 'near', 'other', 'still near']);
});

test('a report of which a line changed there while the agent was down comes', withFuse, async () => {
  await using scene = await Scene.make();
  const report = (state: string) => [...numbered(0, 600, 'always'), `disk: ${state}`, ...numbered(0, 10, 'the end')];
  const far = scene.home.path('backing/far.log');
  const write = (state: string, flag: string) => writeFileSync(far, `${report(state).join('\n')}\n`, { flag });
  write('active', 'w');
  await scene.mount();
  const agent = await scene.start();
  await agent.until(({ logs }) => logs[0]?.lines === 611 && logs[0].lag_bytes === 0, 'all is sent', 20_000);
  await agent.stop();
  write('failed', 'r+');
  const again = await scene.start();
  await received(again, 611);
  await again.stop();
  same(await scene.lines(), [...report('active'), ...report('failed')]);
});
