import { createRequire } from 'node:module';
import type * as re2js from 're2js';

let loaded: typeof re2js.RE2JS | undefined;

/**
 * The engine for regular expressions of users, which is linear in the text.
 *
 * Loaded when the first expression is compiled: most proxies have none, and its tables cost 15 ms of CPU and
 * 8 MB. `require`, since expressions are compiled within one turn.
 */
export function regexEngine(): typeof re2js.RE2JS {
  loaded ??= (createRequire(import.meta.url)('re2js') as typeof re2js).RE2JS;
  return loaded;
}
