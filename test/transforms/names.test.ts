/** Which fields there are at a step, and what is said of one that cannot be there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldNames } from '../../src/transforms/names.ts';

const COMBINED = ['source.address', 'http.request.method', 'http.response.status_code', 'url.original'];

/** What is said of a field after each of these. */
function saidOf(name: string, ...before: ((names: FieldNames) => void)[]): string | null {
  let said: string | null = null;
  const names = new FieldNames((path, message) => {
    said = `${path.join('.')} ${message}`;
  });
  names.at([0, 'parse'], 'process[0]');
  for (const one of before) one(names);
  names.at([1, 'drop'], 'process[1]');
  names.read(name, name);
  return said;
}

test('a field is known where a step makes it', () => {
  const combined = (names: FieldNames) => names.make(COMBINED, 'combined');
  const syslog = (names: FieldNames) =>
    names.make(['log.syslog.priority', 'log.syslog.facility.name', 'log.level', 'message'], 'syslog');
  const json = (names: FieldNames) => names.makeAny();
  const rename = (old: string, next: string) => (names: FieldNames) => names.rename(old, next, old);
  const remove = (prefix: string) => (names: FieldNames) => names.remove((one) => one.startsWith(prefix));
  const onlyA = (names: FieldNames) => names.only((one) => one === 'a');
  const app = (names: FieldNames) => names.makeAny('app.');
  const make = (name: string) => (names: FieldNames) => names.make([name]);
  const cases: [string, ((names: FieldNames) => void)[], string | null][] = [
    ['url.original', [combined], null],
    ['status', [combined], 'is not there: combined has no status, did you mean http.response.status_code?'],
    ['method', [combined], 'is not there: combined has no method, did you mean http.request.method?'],
    ['url.orignal', [combined], 'is not there: combined has no url.orignal, did you mean url.original?'],
    ['tenant', [combined], 'is not there: combined has no tenant'],
    ['msg', [syslog], 'is not there: syslog has no msg, did you mean message?'],
    ['lvl', [syslog], 'is not there: syslog has no lvl, did you mean log.level?'],
    ['time', [syslog], 'is not there: syslog has no time'],
    ['anything.at.all', [json], null],
    ['anything', [app], 'is not there: no step before this one makes it, did you mean app.anything?'],
    ['app.anything', [app], null],
    ['msg', [json, rename('msg', 'message')], 'is called message since process[0]'],
    ['message', [json, rename('msg', 'message')], null],
    ['url.original', [combined, rename('url.original', 'x')], 'is called x since process[0]'],
    ['debug.x', [json, remove('debug.')], 'was removed by process[0]'],
    ['b', [json, onlyA], 'is not among what process[0] keeps'],
    ['a', [json, onlyA], null],
    ['b', [json, onlyA, make('b')], null],
    ['message', [], null],
    ['message', [make('x')], null],
    [
      'message',
      [(names) => names.takeLine(), combined],
      'was the line, of which process[0] has made fields: it is called line',
    ],
    ['message', [(names) => names.takeLine(), json], null],
    ['x', [], 'is a field, and no step before this one makes any: begin with one that parses'],
  ];
  for (const [name, before, said] of cases) {
    assert.equal(saidOf(name, ...before), said && `1.drop.${name} ${said}`, name);
  }
});
