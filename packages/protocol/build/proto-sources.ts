import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/** Where node_modules has the package; workspaces put it at the root of the repository. */
function installed(name: string): string {
  for (let dir = packageRoot; ; dir = dirname(dir)) {
    const found = join(dir, 'node_modules', name);
    if (existsSync(found)) return found;
    if (dir === dirname(dir)) throw new Error(`${name} is not installed: run npm ci`);
  }
}

/** The .proto files shipped inside grpc-js-xds: Envoy's API and what it imports. */
export const xdsPackage = installed('@grpc/grpc-js-xds');
export const ownProtos = join(packageRoot, 'proto');

interface Source {
  readonly from: string;
  /** Only files whose path matches. */
  readonly only: RegExp;
}

const sources: readonly Source[] = [
  // The v2 files import a part of Envoy's API that is not shipped.
  { from: join(xdsPackage, 'deps/envoy-api'), only: /^envoy\/(annotations\/|.*\/v3\/)/ },
  { from: join(xdsPackage, 'deps/xds'), only: /^(xds|udpa)\// },
  {
    from: join(xdsPackage, 'deps/googleapis'),
    only: /^google\/(rpc\/status|api\/(annotations|http|expr\/v1alpha1\/\w+))\.proto$/,
  },
  { from: join(xdsPackage, 'deps/protoc-gen-validate'), only: /^validate\/validate\.proto$/ },
  { from: ownProtos, only: /./ },
];

/** The text of every .proto file by import path, without those whose imports are not shipped. */
export function readProtos(): Map<string, string> {
  const files = new Map<string, string>();
  for (const { from, only } of sources) {
    for (const path of globSync('**/*.proto', { cwd: from })) {
      const name = relative('.', path).replaceAll('\\', '/');
      if (only.test(name)) files.set(name, readFileSync(join(from, path), 'utf8'));
    }
  }
  patchValidate(files);
  dropUnresolved(files);
  return files;
}

/** The shipped copy is older than Envoy's use of it. */
function patchValidate(files: Map<string, string>): void {
  const name = 'validate/validate.proto';
  const text = files.get(name);
  if (text === undefined) throw new Error(`${name} is not in ${xdsPackage}`);
  if (/message StringRules \{[^}]*ignore_empty/.test(text)) return;
  files.set(
    name,
    text.replace('message StringRules {', 'message StringRules {\n  optional bool ignore_empty = 26;'),
  );
}

function dropUnresolved(files: Map<string, string>): void {
  for (let dropped = true; dropped; ) {
    dropped = false;
    for (const [name, text] of files) {
      const imports = [...text.matchAll(/^import (?:public )?"([^"]+)"/gm)].map((m) => m[1] ?? '');
      if (imports.every((i) => files.has(i) || i.startsWith('google/protobuf/'))) continue;
      files.delete(name);
      dropped = true;
    }
  }
}

/** Compiles the files to an encoded FileDescriptorSet. */
export function compile(files: ReadonlyMap<string, string>): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-protos-'));
  try {
    for (const [name, text] of files) {
      mkdirSync(join(dir, dirname(name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    const output = join(dir, 'descriptors.binpb');
    const buf = join(installed('@bufbuild/buf'), 'bin/buf');
    execFileSync(
      process.execPath,
      [buf, 'build', dir, '-o', output, '--as-file-descriptor-set', '--exclude-source-info'],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    return readFileSync(output);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
