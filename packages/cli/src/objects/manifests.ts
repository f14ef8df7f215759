import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError, formatProblem, messageOf } from '@lateen/core';
import { parseManifests, type ManifestDocument } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';

/** All text of a stream. */
export async function readAll(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

async function filesOf(path: string): Promise<string[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw new LateenError('cli.noFile', `cannot read ${path}: ${messageOf(error)}`);
  });
  if (!info.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  if (names.length === 0) {
    throw new LateenError('cli.noManifests', `${path} holds no file that ends in .yaml, .yml or .json`);
  }
  return names.map((name) => join(path, name));
}

/** The files of paths: folders by their manifests, `-` as it is. */
export async function manifestFiles(paths: readonly string[]): Promise<string[]> {
  const files = await Promise.all(paths.map(async (path) => (path === '-' ? ['-'] : filesOf(path))));
  return files.flat();
}

function isObject(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null && 'kind' in value && 'apiVersion' in value;
}

/**
 * The documents of files, folders (their .yaml, .yml and .json files) and `-`, standard input.
 * Throws a LateenError with every problem where one is no YAML.
 */
export async function readDocuments(
  paths: readonly string[],
  stdin: AsyncIterable<Buffer | string>,
): Promise<ManifestDocument[]> {
  if (paths.length === 0) {
    throw new LateenError('cli.noFile', 'must specify -f', {
      hint: 'name a file, a folder, or - for standard input',
    });
  }
  const found: ManifestDocument[] = [];
  for (const file of await manifestFiles(paths)) {
    const text = file === '-' ? await readAll(stdin) : await readFile(file, 'utf8');
    const { documents, problems } = parseManifests(text, file === '-' ? 'stdin' : file);
    if (problems.length > 0) throw new LateenError('cli.badManifest', problems.map(formatProblem).join('\n'));
    found.push(...documents);
  }
  return found;
}

/** The objects of {@link readDocuments}; throws a LateenError where a document is no object of the API. */
export async function readManifests(
  paths: readonly string[],
  stdin: AsyncIterable<Buffer | string>,
): Promise<KubeObject[]> {
  return (await readDocuments(paths, stdin)).map(({ object, file }) => {
    if (isObject(object)) return object;
    throw new LateenError('cli.badManifest', `${file}: a document has no apiVersion and kind`);
  });
}
