import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayHang, parseMountinfo } from '../../src/mounts/mountinfo.ts';

const TABLE = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 22 0:28 / /proc/sys/fs/binfmt_misc rw,relatime shared:11 master:2 - autofs systemd-1 rw,fd=29
31 27 0:40 / /home rw - autofs /etc/auto.home rw
32 27 0:41 / /mnt/with\\040blank rw,relatime - nfs4 server:/export rw,hard
33 32 254:1 / /mnt/with\\040blank/disk rw - xfs /dev/vdb rw
34 27 0:42 / /srv/bind rw - nfs4 server:/export rw,hard
35 27 0:43 / /run/lxcfs rw - fuse.lxcfs lxcfs rw
36 27 0:44 / /overlay rw - overlay overlay rw,lowerdir=/usr:/srv/bind/lower,upperdir=/var/u,workdir=/var/w
37 27 0:45 / /layers rw - overlay overlay rw,lowerdir=/usr,upperdir=/var/u,workdir=/var/w
38 27 0:46 / /dev/shm rw - tmpfs tmpfs rw
39 27 0:47 / /new rw - something new rw
40 39 0:48 / /new rw - tmpfs tmpfs rw
`;

test('what is mounted is read with blanks in its name, and in the order in which it was', () => {
  const mounts = parseMountinfo(TABLE);
  assert.equal(mounts.length, 13);
  assert.deepEqual(mounts[4], {
    id: '32',
    parent: '27',
    device: '0:41',
    mountpoint: '/mnt/with blank',
    options: 'rw,relatime',
    type: 'nfs4',
    source: 'server:/export',
    superOptions: 'rw,hard',
  });
  assert.deepEqual(parseMountinfo('what is no mount\n\n'), []);
});

test('may hang what waits for others, what is not known, and what is made of such', () => {
  const found = mayHang(parseMountinfo(TABLE)).map(({ mountpoint }) => mountpoint);
  assert.deepEqual(found.sort(), ['/home', '/mnt/with blank', '/new', '/overlay', '/run/lxcfs', '/srv/bind']);
});

test('the root cannot, whatever it is: the agent comes from there', () => {
  assert.deepEqual(mayHang(parseMountinfo('1 0 0:1 / / rw - fuse.fuse-overlayfs overlay rw\n')), []);
});

test('of several on one place the one that was mounted last is the first', () => {
  const text = '1 0 0:1 / /a rw - nfs a rw\n2 1 0:2 / /a/b rw - nfs b rw\n3 2 0:3 / /a rw - cifs c rw\n';
  assert.deepEqual(
    mayHang(parseMountinfo(text)).map(({ device }) => device),
    ['0:2', '0:3', '0:1'],
  );
});
