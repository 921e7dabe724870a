/** Who sends, as it is recorded, and who may. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { peerText } from '../../../src/sources/audit/peer.ts';
import { Users } from '../../../src/sources/audit/users.ts';
import { directory } from '../../support/directory.ts';

for (const [certificate, token, text] of [
  ['client', null, 'certificate=client'],
  [null, 'payroll', 'token=payroll'],
  ['client', 'payroll', 'certificate=client;token=payroll'],
  ['a;token=payroll', null, 'certificate=a%3Btoken=payroll'],
  ['50% Müller\n', null, 'certificate=50%25 M%C3%BCller%0A'],
  ['\ud800', null, 'certificate=%EF%BF%BD'],
] as const) {
  test(`${JSON.stringify(certificate)} and ${token} are recorded as ${text}`, () => {
    assert.equal(peerText(certificate, token), text);
  });
}

test('users that only getent knows are known, and who is not known is nobody', async (t) => {
  const dir = directory(t);
  const program = join(dir, 'getent');
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = `${dir}:${PATH}`;
  // As where LDAP knows somebody.
  const answers = '[ "$3" = shop ] && echo "shop:*:70012:70012:Shop:/home/shop:/bin/sh" && exit 0; exit 2';
  await writeFile(program, `#!/bin/sh\n${answers}\n`);
  await chmod(program, 0o755);
  const users = new Users(['root', 'shop', 'nobody-here', '4711']);
  assert.equal(users.idOf('shop'), null);
  await users.look();
  const names = ['root', 'shop', 'nobody-here', '4711', 'daemon'];
  assert.deepEqual(
    names.map((name) => users.idOf(name)),
    [0, 70012, null, 4711, null],
  );
});

test('a machine without getent knows those of /etc/passwd', async (t) => {
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = directory(t);
  const users = new Users(['root', 'shop']);
  await users.look();
  assert.deepEqual([users.idOf('root'), users.idOf('shop')], [0, null]);
});
