/** The agent as the first process of a container that has no other: what others leave there is its to take back. */
// Slow: starts an agent.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome } from './support/agent.ts';
import { until } from './support/until.ts';

const ALONE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', '--'];
const [program, ...args] = [...ALONE, 'true'];
const mayUnshare = process.platform === 'linux' && process.getuid?.() === 0 && spawnSync(program!, args).status === 0;

/** As seen from here. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);

test('as PID 1 it leaves no zombie of what somebody else has started there', {
  skip: mayUnshare ? false : 'not root, or there is no unshare',
}, async () => {
  await using home = await makeHome();
  const agent = await home.start({}, { through: ALONE });
  const [first] = childrenOf(agent.pid);
  // As docker exec does: what it starts outlives it.
  spawnSync('nsenter', ['--target', String(first), '--pid', 'sh', '-c', 'sleep 600 >/dev/null 2>&1 & :']);
  const sleeps = () => childrenOf(first!).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n');
  await until('it is the child of PID 1', () => sleeps().length === 1);
  const [left] = sleeps();
  process.kill(left!, 'SIGKILL');
  await until('it is gone, also as a zombie', () => !existsSync(`/proc/${left}`));
  assert.ok(existsSync(`/proc/${first}`));
  await agent.kill9();
});
