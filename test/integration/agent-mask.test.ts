import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, runnel } from '../support/agent.ts';

const CARD = '4111111111111111';
const MAIL = 'alice@example.com';

test('nothing that is masked is in the local log, the positions, or what the agent says, over kill -9', async () => {
  await using home = await makeHome();
  const log = home.path('logs', 'a.log');
  mkdirSync(home.path('logs'), { recursive: true });
  const key = home.path('mask.key');
  writeFileSync(key, Buffer.alloc(32, 1), { mode: 0o600 });
  const config = {
    kafka: { compression: 'none' },
    log: { level: 'debug' },
    mask: ['card'],
    mask_key_file: key,
    logs: [
      {
        name: 'a',
        include: [log],
        mask: [{ rule: 'email', with: 'hash' }, 'private_key'],
        process: [{ parse: ['json', 'none'] }, { drop: { line: { contains: 'gone' } } }],
      },
    ],
  };
  const lines = (from: number) =>
    Array.from(
      { length: 500 },
      (_, i) => `{"n":${from + i},"card":${CARD},"mail":"${MAIL}"}\nplain ${MAIL} ${CARD}\n`,
    ).join('');
  writeFileSync(log, `${lines(0)}-----BEGIN PRIVATE KEY-----\n`);
  const first = await home.start(config);
  await first.until((status) => status.conservation.inputs['logs.a']?.in_local_log === 1001, 'all is in the local log');
  await first.kill9();
  appendFileSync(log, `MIIQzxhiddenQzxhiddenQzxhidden\n-----END PRIVATE KEY-----\n${lines(500)}`);
  const agent = await home.start(config);
  const status = await agent.until((now) => now.logs[0]?.lag_bytes === 0 && now.logs[0].lines >= 1002, 'all is read');
  const { masked } = status.logs[0]!;
  assert.ok(masked.card! >= 1000 && masked.email! >= 1000, JSON.stringify(masked));
  const metrics = await (await fetch(`${agent.admin}/metrics`)).text();
  assert.match(metrics, /runnel_masked_total\{input="logs\.a",rule="card"\} [12]\d{3}/);
  await agent.stop();
  for (const file of filesUnder(home.path('data'))) {
    const bytes = readFileSync(file);
    for (const secret of [CARD, MAIL, 'Qzxhidden']) assert.equal(bytes.indexOf(secret), -1, `${secret} is in ${file}`);
  }
  for (const { stderr } of [first, agent]) assert.doesNotMatch(stderr, /4111111111111111|alice|Qzxhidden/);
  const { stdout } = await runnel('spool', 'cat', 'runnel.logs', '-c', await home.configure(config));
  assert.match(stdout, /"card":"\*{12}1111","mail":"hmac:[0-9a-f]{16}"/);
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
