import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError } from '@lateen/core';

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const names: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

/** Reads the built page, by path. */
export function readPage(folder: string): ReadonlyMap<string, PageFile> {
  return new Map(
    Object.entries(names).map(([path, [file, type]]) => {
      try {
        return [path, { type, body: readFileSync(join(folder, file)) }];
      } catch (error) {
        throw new LateenError('console.noPage', `the console's page is not built: ${join(folder, file)}`, {
          cause: error,
          hint: 'build it with `npm run build`',
        });
      }
    }),
  );
}
