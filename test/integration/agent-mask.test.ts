import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, runnel, spawnAgent } from '../support/agent.ts';
import { Namespace, withFuse } from '../support/fuse.ts';
import { until } from '../support/until.ts';

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

const MASKED = { mask: ['card', 'email'], process: [{ parse: ['json', 'none'] }] };
const SECRETS = `{"card":${CARD},"mail":"${MAIL}"}\nplain ${MAIL} ${CARD}\n`;
const [JSON_MASKED, PLAIN_MASKED] = [
  /"card":"\*{12}1111","mail":"\*{5}@example\.com"/,
  /plain \*{5}@example\.com \*{12}1111/,
];

test('who looks on sees what is masked, and nothing else', async (t) => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const log = home.path('logs', 'a.log');
  writeFileSync(log, '');
  const config = { logs: [{ name: 'a', include: [log], ...MASKED }] };
  const agent = await home.start(config);
  const tap = spawnAgent(['tap', 'logs', '-c', home.path('runnel.yaml')]);
  t.after(() => tap.kill());
  let seen = '';
  tap.stdout!.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  // It sees what comes once it looks on.
  await until('the lines are shown', () => {
    appendFileSync(log, SECRETS);
    return JSON_MASKED.test(seen) && PLAIN_MASKED.test(seen);
  });
  assert.doesNotMatch(seen, /4111111111111111|alice/);
  await agent.stop();
});

test('what cannot be parsed goes to its dead letters masked, and nothing that is said of it shows a secret', async (t) => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const log = home.path('logs', 'a.log');
  writeFileSync(log, '');
  const config = {
    kafka: { compression: 'none' },
    log: { level: 'debug' },
    mask: ['card', 'email'],
    logs: [
      {
        name: 'a',
        include: [log],
        process: [
          { parse: { json: { on_failure: 'dead' } } },
          { parse: { regex: { pattern: '^(?<name>\\d+)$', field: 'mail', on_failure: 'dead.fields' } } },
          { time: 'card' },
          { set: { mail: { number: true } } },
          { metric: { name: 'mails', sum: 'mail', by: ['card'] } },
        ],
      },
    ],
  };
  const agent = await home.start(config);
  const taps = ['dead', 'dead.fields'].map((topic) => spawnAgent(['tap', topic, '-c', home.path('runnel.yaml')]));
  t.after(() => {
    for (const tap of taps) tap.kill();
  });
  const seen = taps.map((tap) => {
    const texts: string[] = [];
    tap.stdout!.setEncoding('utf8').on('data', (text: string) => texts.push(text));
    return () => texts.join('');
  });
  // JSON whose field is not of the pattern; no JSON; JSON that is cut behind the secret.
  await until('the lines are shown', () => {
    appendFileSync(log, `${SECRETS}{"mail":"${MAIL}","card":"${CARD}\n`);
    return PLAIN_MASKED.test(seen[0]!()) && /"mail":"\*{5}@example\.com"/.test(seen[1]!());
  });
  await agent.until((status) => status.logs[0]?.lag_bytes === 0, 'all is read');
  const said = [
    ...seen.map((text) => text()),
    ...(await Promise.all(
      ['status', 'metrics', 'status?files=10', ''].map((path) => textOf(`${agent.admin}/${path}`)),
    )),
    (await runnel('status', '-c', home.path('runnel.yaml'))).stdout,
  ];
  await agent.stop();
  for (const topic of ['dead', 'dead.fields', 'runnel.logs', 'runnel.metrics']) {
    said.push((await runnel('spool', 'cat', topic, '-c', home.path('runnel.yaml'))).stdout);
  }
  const dead = said.at(-4)!;
  assert.match(dead, PLAIN_MASKED);
  assert.match(dead, /\\"mail\\":\\"\*{5}@example\.com\\",\\"card\\":\\"\*{12}1111/);
  assert.match(said.at(-3)!, /"mail":"\*{5}@example\.com"/);
  assert.match(agent.stderr, /has lines that are not json: they go to dead/);
  const file = home.path('case.yaml');
  writeFileSync(file, JSON.stringify([{ input: 'a', path: log, lines: SECRETS.trim().split('\n'), expect: [] }]));
  for (const args of [
    ['explain', 'log', log, `plain ${MAIL} ${CARD}`],
    ['test', file],
  ]) {
    const { stdout, stderr } = await runnel(...args, '-c', home.path('runnel.yaml'));
    said.push(stdout + stderr);
    assert.match(said.at(-1)!, /\*{12}1111/, args.join(' '));
  }
  for (const text of [...said, agent.stderr]) assert.doesNotMatch(text, /4111111111111111|alice/);
  for (const path of filesUnder(home.path('data'))) {
    for (const secret of [CARD, MAIL]) assert.equal(readFileSync(path).indexOf(secret), -1, `${secret} is in ${path}`);
  }
});

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

test('a process that reads a mount masks what it reads, too', withFuse, async () => {
  await using home = await makeHome();
  await using space = await Namespace.make();
  for (const dir of ['backing', 'mount']) mkdirSync(home.path(dir));
  writeFileSync(home.path('backing', 'a.log'), SECRETS.repeat(100));
  await space.fuse(home.path('backing'), home.path('mount'));
  const config = {
    kafka: { compression: 'none' },
    logs: [{ name: 'a', include: [home.path('mount/*.log')], ...MASKED }],
  };
  const agent = await home.start(config, { through: space.through });
  await agent.until(
    ({ conservation }) => conservation.inputs['logs.a']?.in_local_log === 200,
    'all is in the local log',
  );
  // The process that reads tells it now and then.
  await agent.until((status) => status.logs[0]!.masked.card! >= 200, 'what was masked is counted');
  await agent.stop();
  for (const file of filesUnder(home.path('data'))) {
    for (const secret of [CARD, MAIL]) assert.equal(readFileSync(file).indexOf(secret), -1, `${secret} is in ${file}`);
  }
  const { stdout } = await runnel('spool', 'cat', 'runnel.logs', '-c', home.path('runnel.yaml'));
  assert.match(stdout, JSON_MASKED);
  assert.match(stdout, PLAIN_MASKED);
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
