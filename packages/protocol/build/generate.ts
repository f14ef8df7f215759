// Generates packages/protocol/gen from the .proto files of Envoy's API and our own. Does nothing when gen/ is
// already made from the same inputs; `--force` makes it anew.
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ownProtos, xdsPackage } from './proto-sources.ts';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const gen = join(packageRoot, 'gen');
const stampFile = join(gen, '.stamp');

/** Changes when an input changes: our own protos, the version of Envoy's, and the generator. */
function stamp(): string {
  const hash = createHash('sha256');
  const inputs = [
    join(xdsPackage, 'package.json'),
    ...globSync('**/*.proto', { cwd: ownProtos }).map((path) => join(ownProtos, path)),
    ...globSync('build/*.ts', { cwd: packageRoot }).map((path) => join(packageRoot, path)),
    join(packageRoot, 'src/codec/message-type.ts'),
  ];
  for (const path of inputs.sort()) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

function isCurrent(wanted: string): boolean {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted;
}

/** Writes only what differs, so that a program that is reading meanwhile sees no gap. */
function write(outputs: readonly { readonly path: string; readonly text: string }[]): void {
  const kept = new Set(outputs.map((output) => output.path));
  for (const path of existsSync(gen) ? globSync('**/*.{js,ts}', { cwd: gen }) : []) {
    if (!kept.has(path)) rmSync(join(gen, path));
  }
  for (const { path, text } of outputs) {
    const file = join(gen, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

const wanted = stamp();
if (!process.argv.includes('--force') && isCurrent(wanted)) process.exit(0);

const began = performance.now();
const { generateModules } = await import('./generate-modules.ts');
const { modules, descriptors } = generateModules();
rmSync(stampFile, { force: true });
write(modules);
writeFileSync(join(gen, 'descriptors.binpb'), descriptors);
writeFileSync(stampFile, wanted);
process.stdout.write(
  `protocol: generated ${modules.length} files in ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
);
