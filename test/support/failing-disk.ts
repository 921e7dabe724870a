/**
 * A disk that takes nothing, for an agent in a process of its own: while the file `flag` is there, everything that would
 * write below `dir` fails with the code that stands in it (ENOSPC, EIO, EROFS, EDQUOT).
 *
 *   await home.start(config, { preload: failingDisk(home.dataDir, home.path('bad')) });
 *   await writeFile(home.path('bad'), 'EROFS');
 *   await writeFile(home.path('bad'), 'EIO datasync truncate');      these calls only
 *
 * A write to what was opened so that it is synced at once is a datasync, too: the bytes are there, and the call fails.
 */
export function failingDisk(dir: string, flag: string): string {
  return `
    import fs from 'node:fs';
    import promises from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const [dir, flag] = ${JSON.stringify([dir, flag])};
    const { constants, existsSync, readFileSync, readlinkSync } = fs;
    const codeOf = (name) => {
      const [code, ...only] = existsSync(flag) ? readFileSync(flag, 'utf8').split(' ') : [];
      return code && (only.length === 0 || only.includes(name)) ? code : null;
    };
    const below = (where) => typeof where === 'number' ? below(readlinkSync('/proc/self/fd/' + where)) : String(where).startsWith(dir);
    const syncs = (fd) =>
      (parseInt(/flags:\\s*(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))[1], 8) & constants.O_DSYNC) !== 0;
    const reads = (name, flags) => name.startsWith('open') && (flags === undefined || flags === 'r');
    const failed = (why, name) => Object.assign(new Error(why + ': made to fail, ' + name), { code: why });
    function spoil(object, name, where, fail) {
      const original = object[name];
      object[name] = function (...args) {
        const why = codeOf(name);
        if (!why || !below(where(this, args)) || reads(name, args[1])) return original.apply(this, args);
        return fail(failed(why, name));
      };
    }
    const { writev } = fs;
    fs.writev = (fd, parts, at, told) => {
      const why = below(fd) ? codeOf('writev') : null;
      const unsynced = below(fd) && !why && syncs(fd) ? codeOf('datasync') : null;
      if (why) process.nextTick(told, failed(why, 'writev'));
      else writev(fd, parts, at, unsynced ? () => told(failed(unsynced, 'writev')) : told);
    };
    const file = await promises.open(process.execPath);
    for (const name of ['write', 'writeFile', 'datasync', 'sync', 'truncate']) {
      spoil(Object.getPrototypeOf(file), name, (self) => self.fd, (error) => Promise.reject(error));
    }
    await file.close();
    for (const name of ['open', 'rename', 'mkdir', 'writeFile', 'unlink', 'rm', 'truncate']) {
      spoil(promises, name, (_, args) => args[0], (error) => Promise.reject(error));
    }
    for (const name of ['openSync', 'writeSync', 'fsyncSync', 'ftruncateSync', 'renameSync', 'mkdirSync', 'rmSync']) {
      spoil(fs, name, (_, args) => args[0], (error) => { throw error; });
    }
    syncBuiltinESMExports();
  `;
}
