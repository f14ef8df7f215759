import { readFileSync } from 'node:fs';
import { problems, ok, type Problem, type Result } from '@lateen/core';
import { parseImageName } from './image.ts';

/** What a user runs for an image of theirs. */
export interface MappedImage {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
}

/** The user's image map: name -> what is run. */
export type ImageMap = ReadonlyMap<string, MappedImage>;

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function decodeEnv(value: unknown): Record<string, string> | undefined {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (!entries.every(([, v]) => ['string', 'number', 'boolean'].includes(typeof v))) return undefined;
  return Object.fromEntries(entries.map(([name, v]) => [name, String(v)]));
}

/**
 * Reads an image map: YAML (or JSON) whose keys are image names and whose values are either a command
 * (a list of texts, the program first) or `{command, env, workingDir}`.
 */
export async function decodeImageMap(text: string, file: string): Promise<Result<ImageMap>> {
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (error) {
    return problems([{ path: '', message: error instanceof Error ? error.message : String(error), file }]);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return problems([{ path: '', message: 'must be a mapping from image names to commands', file }]);
  }
  const found: Problem[] = [];
  const map = new Map<string, MappedImage>();
  for (const [name, value] of Object.entries(document)) {
    const fields = (isTexts(value) ? { command: value } : value) as Record<string, unknown> | null;
    const command = typeof fields === 'object' ? fields?.['command'] : undefined;
    const env = decodeEnv(typeof fields === 'object' ? fields?.['env'] : undefined);
    const workingDir = typeof fields === 'object' ? fields?.['workingDir'] : undefined;
    if (!isTexts(command)) {
      found.push({ path: name, message: 'must be a command: a list of texts, the program first', file });
    } else if (env === undefined) {
      found.push({ path: `${name}.env`, message: 'must be a mapping from names to texts', file });
    } else if (workingDir !== undefined && typeof workingDir !== 'string') {
      found.push({ path: `${name}.workingDir`, message: 'must be a text', file });
    } else {
      map.set(name, { command, env, ...(workingDir === undefined ? {} : { workingDir }) });
    }
  }
  return found.length > 0 ? problems(found) : ok(map);
}

/** Reads the file of an image map; a file that is missing is an empty map. */
export async function readImageMap(file: string): Promise<Result<ImageMap>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return ok(new Map());
  }
  return decodeImageMap(text, file);
}

/**
 * The entry for an image: its name as written, else without its tag, else without its registry.
 * `*` at the end of an entry's name stands for anything.
 */
export function findMapped(map: ImageMap, reference: string): MappedImage | undefined {
  const { repository, tag } = parseImageName(reference);
  const untagged = reference.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  for (const name of [reference, untagged, `${repository}:${tag}`, repository]) {
    const exact = map.get(name);
    if (exact !== undefined) return exact;
  }
  for (const [name, mapped] of map) {
    if (name.endsWith('*') && reference.startsWith(name.slice(0, -1))) return mapped;
  }
  return undefined;
}
