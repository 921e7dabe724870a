/** What pages name is there: links, tests, options, figures, benchmarks. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
// @ts-expect-error a script, without types
import { commands } from '../../scripts/commands.mjs';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import { optionsOf } from '../../src/options.ts';
import { INPUTS } from '../../src/sources/all.ts';
import { anchors, blocks, inlineCode, PAGES, page, ROOT } from '../support/docs-pages.ts';

test('each link leads to a page, a file or a heading that is there', () => {
  const dead: string[] = [];
  for (const one of PAGES) {
    for (const [, target] of one.text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [file = '', anchor] = target!.split('#');
      const path = file === '' ? one.path : join(dirname(one.path), file);
      if (!existsSync(join(ROOT, path))) dead.push(`${one.path}: ${target}`);
      else if (anchor !== undefined && !anchors(page(path)).has(anchor)) dead.push(`${one.path}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

test('each page for those who use it is in the package', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const forContributors = ['docs/ARCHITECTURE.md', 'docs/STYLE.md'];
  const pages = globSync('docs/*.md', { cwd: ROOT }).filter((path) => !forContributors.includes(path));
  assert.deepEqual(
    pages.filter((path) => !files.includes(path)),
    [],
  );
});

test('each test that a page names is one', () => {
  const named = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((\.\.\/test\/[^)]+)\)\s+"([^"]+)"/g)].map(([, file, name]) => ({
      file: join(ROOT, dirname(path), file!),
      name: name!.replace(/\s+/g, ' '),
    })),
  );
  assert.ok(named.length > 20, `${named.length}`);
  const missing = named.filter(({ file, name }) => !readFileSync(file, 'utf8').includes(`test('${name}'`));
  assert.deepEqual(missing, []);
  for (const { path, text } of PAGES) {
    for (const [file] of text.matchAll(/\btest\/[\w/-]+\.test\.ts/g))
      assert.ok(existsSync(join(ROOT, file)), `${path}: ${file}`);
  }
});

interface KnownCommand {
  path: string;
  below: string[];
  options: { long?: string; short?: string }[];
}

/** In a clone and installed. */
const CALLED = /(?:npm run -s runnel --|(?<![\w/@.:-])runnel) (?<args>[a-z]+(?: [^`\n#|]*)?)/g;

test('each command that a page names is one, and has these options', () => {
  const known = new Map((commands() as KnownCommand[]).map((command) => [command.path, command]));
  let named = 0;
  for (const one of PAGES) {
    for (const { groups } of [...blocks(one, 'sh'), ...inlineCode(one)].flatMap((text) => [...text.matchAll(CALLED)])) {
      const words = groups!
        .args!.replace(/'[^']*'/g, 'TEXT')
        .trim()
        .split(/\s+/);
      const first = known.get(words[0]!);
      const about = `${one.path}: runnel ${words.join(' ')}`;
      assert.ok(first, about);
      const second = first.below.includes(words[1] ?? '') ? known.get(`${words[0]} ${words[1]}`)! : first;
      named++;
      for (const word of words.filter((option) => /^\[?-{1,2}[a-zA-Z]/.test(option))) {
        const option = /-{1,2}[\w-]+/.exec(word)![0];
        assert.ok(
          second.options.some(({ long, short }) => long === option || short === option),
          `${about}: ${option}`,
        );
      }
    }
  }
  assert.ok(named > 60, `${named}`);
});

const shape = shapeOf(optionsOf(INPUTS).schema);

/** Whether `a.b` or `a[].b` is an option; what a grammar or the user has below one is anything. */
function isOption(name: string): boolean {
  let at: Shape | undefined = shape;
  for (const key of name.replaceAll('[]', '').split('.')) {
    while (at?.kind === 'list') at = at.item;
    if (at?.kind === 'map') at = at.fields.get(key)?.shape;
    else if (at?.kind === 'choice') at = (at.fields.get(key) ?? at.beside.get(key))?.shape;
    else return at?.kind === 'grammar' || at?.kind === 'dictionary';
    if (!at) return false;
  }
  return true;
}

test('each option that a page names is one', () => {
  const sections = shape.kind === 'map' ? [...shape.fields.keys()] : [];
  const unknown: string[] = [];
  for (const one of PAGES) {
    for (const code of inlineCode(one)) {
      const name = /^([a-z_]+(?:\[\])?(?:\.[a-z_]+(?:\[\])?)+)(?=$|:|=)/.exec(code)?.[1];
      if (name === undefined || !sections.includes(name.split(/[.[]/)[0]!)) continue;
      if (!isOption(name) && !OTHERS.test(name)) unknown.push(`${one.path}: ${name}`);
    }
  }
  assert.deepEqual(unknown, []);
});

/** Members of records, of the status and books, and patterns of tap, that begin as a section of the configuration does. */
const OTHERS =
  /^(host\.name|log\.(file|offset|length|skipped|flags|iostream|level|syslog|logger)\b.*|traces\.span\.metrics\b.*|statsd\.clients|logs\.(nginx|errors|app|web|shop|k8s|acme|globex)|otlp\.(traces|metrics|logs)|datadog\.agent\..*|kafka\.(throttled_seconds|state|cluster)|alerts\.(firing|pending)|spool\.bytes|audit\.(stream|sequence|time|previous|hash)|sink\..*)$/;

test('each figure that a page or the rules for Prometheus name is one', () => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).filter((path) => !path.includes('kernel/'));
  const known = new Set(
    sources.flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/'([a-z][a-z0-9_]+)'/g)].map(([, name]) => name!),
    ),
  );
  const texts = [...PAGES, page('prometheus/runnel.rules.yaml')];
  const unknown = texts.flatMap(({ path, text }) =>
    [...text.matchAll(/\brunnel_([a-z][a-z_]*[a-z])(?![\w*.-]*\.(?:deb|tgz))/g)]
      .map(([, name]) => name!.replace(/_total$/, ''))
      .filter((name) => !known.has(name))
      .map((name) => `${path}: runnel_${name}`),
  );
  assert.deepEqual(unknown, []);
});

test('each benchmark that a page names is one', () => {
  const main = readFileSync(join(ROOT, 'test/bench/main.ts'), 'utf8');
  const cases = [...main.matchAll(/const (?:OWN|CASES)\b[^{]*\{(.*?)\n\}/gs)].map(([, text]) => text!);
  assert.equal(cases.length, 2);
  const known = cases.flatMap((text) => [...text.matchAll(/^ {2}'?([\w-]+)'?[:,]/gm)].map(([, name]) => name!));
  const named = page('docs/sizing.md').text.matchAll(/\| `([\w-]+)` \|$/gm);
  const all = [...named].map(([, name]) => name!);
  assert.ok(all.length > 10);
  for (const { text } of PAGES)
    for (const [, name] of text.matchAll(/npm run bench -- ([a-z][\w-]*)/g)) all.push(name!);
  assert.deepEqual(
    all.filter((name) => !known.includes(name)),
    [],
  );
});
