/** How many packages are installed, by what their manager keeps of them. */
import { HostFiles } from './files.ts';

export interface Packages {
  manager: string;
  count: number;
}

/** Paragraphs of /var/lib/dpkg/status: those that are installed. */
export function countDpkg(status: string): number {
  return status.match(/^Status: \S+ ok installed$/gm)?.length ?? 0;
}

/** Paragraphs of /lib/apk/db/installed. */
export function countApk(installed: string): number {
  return installed.match(/^P:/gm)?.length ?? 0;
}

/** `rpm`: the names of all, a line each; null where there is none. None where no manager is known. */
export async function countPackages(rpm: () => Promise<string | null>): Promise<Packages[]> {
  const found: Packages[] = [];
  const files = new HostFiles();
  const textOf = (path: string) => files.once(path) ?? '';
  const add = (manager: string, count: number) => count > 0 && found.push({ manager, count });
  add('dpkg', countDpkg(textOf('/var/lib/dpkg/status')));
  add('apk', countApk(textOf('/lib/apk/db/installed')));
  if (found.length === 0) add('rpm', ((await rpm()) ?? '').split('\n').filter((line) => line !== '').length);
  return found;
}
