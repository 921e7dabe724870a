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
    const syncs = (name, where) =>
      name === 'writev' && (parseInt(/flags:\\s*(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + where, 'utf8'))[1], 8) & constants.O_DSYNC) !== 0;
    const reads = (name, flags) => name.startsWith('open') && (flags === undefined || flags === 'r');
    function spoil(object, name, where, fail) {
      const original = object[name];
      object[name] = function (...args) {
        const why = codeOf(name);
        const unsynced = !why && codeOf('datasync');
        if (unsynced && below(where(this, args)) && syncs(name, where(this, args))) {
          const error = Object.assign(new Error(unsynced + ': made to fail, ' + name), { code: unsynced });
          return original.apply(this, args).then(() => fail(error));
        }
        if (!why || !below(where(this, args)) || reads(name, args[1])) return original.apply(this, args);
        return fail(Object.assign(new Error(why + ': made to fail, ' + name), { code: why }));
      };
    }
    const file = await promises.open(process.execPath);
    for (const name of ['write', 'writev', 'writeFile', 'datasync', 'sync', 'truncate']) {
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
