import { readFileSync } from 'node:fs';
import { messageOf, ok, problem, type Result } from '@lateen/core';
import { processEnv } from '../env.ts';
import type { DataSource } from '../model/tls.ts';

/** The bytes that a resource refers to; read now, so that a file is seen as it is when the resource comes. */
export function readDataSource(source: DataSource, path: string): Result<Buffer> {
  switch (source.kind) {
    case 'inline':
      return ok(Buffer.from(source.bytes));
    case 'environment': {
      const value = processEnv()[source.variable];
      if (value === undefined) return problem(path, `environment variable ${source.variable} is not set`);
      return ok(Buffer.from(value));
    }
    default:
      try {
        return ok(readFileSync(source.path));
      } catch (error) {
        return problem(path, messageOf(error));
      }
  }
}

/** ` (PATH)` for a file, and the like for a variable: to be put into a sentence on what it holds. */
export function placeOf(source: DataSource | undefined): string {
  if (source?.kind === 'file') return ` (${source.path})`;
  return source?.kind === 'environment' ? ` (environment variable ${source.variable})` : '';
}
