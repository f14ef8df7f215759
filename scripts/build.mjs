// Bundles every program into dist/, so that a process is up in a fraction of a second.
// Skips the work when no source has changed since the last time; `--force` bundles anyway.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.stamp');
/** What `istioctl install --set profile=demo` applies, at the path that Istio's releases have for it. */
const demoManifest = join(root, 'install/kubernetes/istio-demo.yaml');

const programs = {
  lateen: 'packages/cli/src/main.ts',
  'lateen-cluster': 'packages/cluster/src/main.ts',
  'lateen-control': 'packages/control/src/main.ts',
  'lateen-proxy': 'packages/proxy/src/main.ts',
};
for (const file of globSync('samples/src/*/main.ts', { cwd: root })) {
  programs[`samples/${basename(dirname(file))}`] = file;
}

/** A digest of every file that a bundle could read. */
function sourceDigest() {
  const hash = createHash('sha256');
  const patterns = ['packages/*/{src,gen,build,page}/**/*', 'samples/src/**/*', 'packages/*/package.json'];
  const files = globSync([...patterns, 'package-lock.json', 'scripts/build.mjs'], { cwd: root }).sort();
  for (const file of files) {
    const stat = statSync(join(root, file));
    if (stat.isFile() && !file.endsWith('.test.ts')) hash.update(`${file}\0${stat.size}\0${stat.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Modules of Node that are loaded when something of them is first called: each takes up to 25 ms of CPU and 2 MB. */
const loadedWhenCalled = new Set([
  'child_process',
  'crypto',
  'dns/promises',
  'fs/promises',
  'http2',
  'https',
  'tls',
  'v8',
  'vm',
]);

/**
 * Takes Node's modules without importing them. An import makes Node read every export, and reading some loads much
 * that nobody here uses: all of undici for `http`, Web Cryptography for `crypto`, promises and readline for `fs`.
 */
function leanImports(code) {
  const lean = code.replace(
    /(?<=^|[;\n}])import(\*as |\{| )([^"'`;]*?)\}? ?from"node:([a-z0-9/_]+)";?/g,
    (statement, kind, names, module) => {
      const taken = `globalThis.process.getBuiltinModule("node:${module}")`;
      if (kind !== '{') return names.includes(',') ? statement : `const ${names.trim()}=${taken};`;
      const items = names.split(',').map((item) => item.split(' as '));
      const isLater = ([name, local = name]) =>
        loadedWhenCalled.has(module) &&
        typeof process.getBuiltinModule(module)[name] === 'function' &&
        !new RegExp(`(\\b(instanceof|extends) ${local}\\b|[^\\w$.]${local}\\.)`).test(code);
      const later = items.filter(isLater);
      const now = items.filter((item) => !isLater(item));
      return [
        ...later.map(([name, local = name]) => {
          const call = (begin) => `${begin}${taken}.${name}`;
          return `function ${local}(...a){return new.target?${call('new(')})(...a):${call('')}(...a)}`;
        }),
        ...(now.length === 0 ? [] : [`const{${now.map((item) => item.join(':')).join(',')}}=${taken};`]),
      ].join('');
    },
  );
  // Packages in CommonJS call `require`, which a module does not have.
  if (!/\brequire\b/.test(lean)) return lean;
  const require =
    'const require=globalThis.process.getBuiltinModule("node:module").createRequire(import.meta.url);\n';
  const start = lean.startsWith('#!') ? lean.indexOf('\n') + 1 : 0;
  return lean.slice(0, start) + require + lean.slice(start);
}

function lastDigest() {
  try {
    return readFileSync(stampFile, 'utf8');
  } catch {
    return '';
  }
}

/** How long the parts of earlier bundles are kept. */
const keptMs = 24 * 60 * 60 * 1000;

/**
 * Removes what no bundle of the last day has. A cluster that runs from here loads some of its parts when they are first
 * called, and starts containers meanwhile.
 */
function removeStaleChunks(metafile) {
  const present = new Set(Object.keys(metafile.outputs).map((file) => join(root, file)));
  for (const file of globSync('chunks/*', { cwd: dist }).map((name) => join(dist, name))) {
    if (!present.has(file) && Date.now() - statSync(file).mtimeMs > keptMs) rmSync(file);
  }
}

function writeDemoManifest() {
  const lateen = join(dist, 'lateen.mjs');
  const manifest = execFileSync(process.execPath, [lateen, 'manifest', 'generate', '--set', 'profile=demo'], {
    maxBuffer: 16 * 1024 * 1024,
  });
  mkdirSync(dirname(demoManifest), { recursive: true });
  writeFileSync(demoManifest, manifest);
}

const digest = sourceDigest();
if (digest !== lastDigest() || !existsSync(demoManifest) || process.argv.includes('--force')) {
  const started = Date.now();
  const { build } = await import('esbuild');
  mkdirSync(dist, { recursive: true });
  const bundles = await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    // Its build for node is CommonJS, which has no named exports when it is imported lazily.
    alias: { yaml: './node_modules/yaml/browser/index.js' },
    external: ['koffi', 'playwright-core'],
    loader: { '.html': 'text', '.css': 'text', '.svg': 'text' },
    logLevel: 'warning',
    legalComments: 'none',
    metafile: true,
    write: false,
  });
  for (const { path, text } of bundles.outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, leanImports(text));
  }
  removeStaleChunks(bundles.metafile);
  const page = 'packages/console/page';
  await build({
    absWorkingDir: root,
    entryPoints: [
      { in: `${page}/main.tsx`, out: 'page' },
      { in: `${page}/page.css`, out: 'page' },
    ],
    outdir: join(dist, 'console'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome117', 'firefox119', 'safari17.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    logLevel: 'warning',
    legalComments: 'none',
  });
  for (const file of ['index.html', 'icon.svg']) {
    copyFileSync(join(root, page, file), join(dist, 'console', file));
  }
  writeDemoManifest();
  writeFileSync(stampFile, digest);
  process.stdout.write(
    `build: ${Object.keys(programs).length} programs in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  );
}
