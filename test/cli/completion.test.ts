/** What is generated of the commands, as those read it for whom it is: the shells, and man. */
// Slow: starts shells.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { program } from '../../src/cli/program.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const has = (shell: string) => !spawnSync(shell, ['--version']).error;
const lacks = (shell: string) => (has(shell) ? false : `there is no ${shell}`);

function run(shell: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(shell, args, { cwd: ROOT, encoding: 'utf8', timeout: 30_000 });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
}

/** Every command with the words that lead to it. */
function all(command: Command = program, words: string[] = []): { words: string[]; command: Command }[] {
  const below = command.commands.flatMap((one) => all(one, [...words, one.name()]));
  return [{ words, command }, ...below];
}

const BASH = `
source completion/runnel.bash
while IFS= read -r line; do
  IFS=' ' read -ra COMP_WORDS <<< "$line|"
  COMP_WORDS[-1]=\${COMP_WORDS[-1]%|}
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _runnel
  echo "\${COMPREPLY[*]}"
done`;

function inBash(lines: string[]): string[][] {
  const input = lines.map((line) => `${line}\n`).join('');
  const { status, stdout, stderr } = spawnSync('bash', ['-c', BASH], { cwd: ROOT, input, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').filter(Boolean));
}

test('bash completes every command and every option', { skip: lacks('bash') }, () => {
  const commands = all();
  const called = commands.map(({ words }) => ['runnel', ...words].join(' '));
  const options = inBash(called.map((line) => `${line} --`));
  for (const [i, { command }] of commands.entries()) {
    const expected = [...command.options.filter(({ hidden }) => !hidden).map(({ long }) => long), '--help'];
    assert.deepEqual(options[i], expected, called[i]!);
  }
  const words = inBash(called.map((line) => `${line} `));
  for (const [i, { command }] of commands.entries()) {
    if (command.commands.length === 0) continue;
    assert.deepEqual(
      words[i],
      command.commands.map((one) => one.name()),
      called[i]!,
    );
  }
});

/** What is typed, and what it may become. */
const CASES: [string, string[]][] = [
  ['runnel sta', ['statsd', 'status']],
  ['runnel sink ', ['opensearch', 'topk']],
  ['runnel explain otlp --signal ', ['logs', 'metrics', 'traces']],
  ['runnel explain otlp --signal m', ['metrics']],
  ['runnel validate -c tsconfig', ['tsconfig.json']],
  ['runnel test tsconfig', ['tsconfig.json']],
  // The value of an option is no command.
  ['runnel explain log -c statsd --dial', []],
  ['runnel explain statsd --dial', ['--dialect']],
];

test('bash completes values and files', { skip: lacks('bash') }, () => {
  const found = inBash(CASES.map(([typed]) => typed));
  for (const [i, [typed, expected]] of CASES.entries()) assert.deepEqual(found[i]?.sort() ?? [], expected, typed);
});

test('fish completes the same', { skip: lacks('fish') }, () => {
  for (const [typed, expected] of CASES) {
    const said = run('fish', ['-c', `source completion/runnel.fish; complete -C '${typed}'`]);
    const found = said
      .split('\n')
      .map((line) => line.split('\t')[0]!)
      .filter(Boolean);
    // It has those of one letter, too.
    assert.deepEqual(found.filter((name) => !/^-\w$/.test(name)).sort(), expected, typed);
  }
});

/** A zsh at a terminal of its own lists what is possible. */
const zsh = (dumped: string) => `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; fpath=($PWD/completion \\$fpath); autoload -U compinit; compinit -u -D -d ${dumped}"
zpty -w z "bindkey '^I' list-choices; stty -echo; print REA''DY"
zpty -r z out '*READY*'
ask() {
  zpty -w -n z "$1"$'\\t'
  zpty -r z out "*$2*"
  print -r -- "$out"
  zpty -w -n z $'\\x15'
}
ask 'runnel ' 'verify *-- prove'
ask 'runnel explain ' 'statsd *-- the samples'
ask 'runnel status --' '--json *-- print the status'
ask 'runnel explain otlp --signal ' 'traces'
zpty -d z`;

test('zsh completes commands, options and values', { skip: lacks('zsh') }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'runnel-zsh-'));
  t.after(() => rm(dir, { recursive: true }));
  const said = run('zsh', ['-f', '-c', zsh(join(dir, 'dumped'))]);
  for (const name of ['alerts', 'otlp', '--admin', 'logs']) assert.match(said, new RegExp(`\\b${name}|${name} `));
});

test('man says nothing against the pages, and they have every command and option', { skip: lacks('man') }, () => {
  for (const name of ['runnel.8', 'runnel.yaml.5']) {
    run('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', join('man', name)]);
  }
  const page = fs.readFileSync(join(ROOT, 'man/runnel.8'), 'utf8').replaceAll('\\-', '-');
  for (const { words, command } of all()) {
    if (command.commands.length > 0) continue;
    const section = page.split('.SS ').find((text) => new RegExp(`^"runnel ${words.join(' ')}[" ]`).test(text));
    assert.ok(section, words.join(' '));
    for (const { flags } of command.options) assert.ok(section.includes(flags), `${words.join(' ')} ${flags}`);
  }
});
