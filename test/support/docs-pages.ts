/** The pages that people read, and what is in them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface Page {
  /** From the root: `docs/operation.md`. */
  path: string;
  text: string;
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

export const PAGES: readonly Page[] = globSync(['README.md', 'CONTRIBUTING.md', 'docs/*.md'], { cwd: ROOT })
  .sort()
  .map(page);

/** The texts of its blocks in a language. */
export function blocks({ text }: Page, language: string): string[] {
  return [...text.matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'))].map(([, block]) => block!);
}

/** Without blocks of code, and what stands in backticks in it. */
export function inlineCode({ text }: Page): string[] {
  return [...text.replace(/^ *```.*?^ *```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** What links to a heading end in, as GitHub makes it. */
export function anchors({ text }: Page): Set<string> {
  const headings = [...text.replace(/^ *```.*?^ *```/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
