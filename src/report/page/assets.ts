/**
 * The files of the page: its document, look and scripts, which stand beside this one, and uPlot's from its package. Each is
 * read when it is asked for first. No script stands in the document, and its policy lets none run that is not served here.
 */
import { readFile } from 'node:fs/promises';

const HTML = 'text/html; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

const FILES: Readonly<Record<string, { type: string; url: () => string }>> = {
  '/': { type: HTML, url: () => new URL('./client/index.html', import.meta.url).href },
  '/page.css': { type: CSS, url: () => new URL('./client/page.css', import.meta.url).href },
  '/page.js': { type: SCRIPT, url: () => new URL('./client/page.js', import.meta.url).href },
  '/plots.js': { type: SCRIPT, url: () => new URL('./client/plots.js', import.meta.url).href },
  '/uplot.css': { type: CSS, url: () => import.meta.resolve('uplot/dist/uPlot.min.css') },
  '/uplot.js': { type: SCRIPT, url: () => import.meta.resolve('uplot/dist/uPlot.iife.min.js') },
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export interface Asset {
  type: string;
  headers: Record<string, string>;
  body: readonly Buffer[];
}

const read = new Map<string, Promise<Buffer>>();

/** Null: it has none of that name. Rejects when the installation lacks it. */
export async function assetAt(path: string): Promise<Asset | null> {
  if (!Object.hasOwn(FILES, path)) return null;
  const { type, url } = FILES[path]!;
  let text = read.get(path);
  if (!text) {
    text = readFile(new URL(url()));
    read.set(path, text);
    // Tried again when it is asked for again.
    text.catch(() => read.delete(path));
  }
  return { type, headers: { 'Content-Security-Policy': POLICY }, body: [await text] };
}
