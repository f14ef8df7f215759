// Generates packages/cluster/gen: the fields of the built-in kinds, from the models of @kubernetes/client-node.
// Does nothing when gen/ is already made from the same inputs; `--force` makes it anew.
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { modelFolder, readModels, type Model } from './read-models.ts';
import { rootModels } from './root-models.ts';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const gen = join(packageRoot, 'gen');
const stampFile = join(gen, '.stamp');

/** Changes when an input changes: the version of the models and this generator. */
function stamp(): string {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(modelFolder, '../../../package.json')));
  for (const path of globSync('build/*.ts', { cwd: packageRoot }).sort()) {
    hash.update(readFileSync(join(packageRoot, path))).update('\0');
  }
  return hash.digest('hex');
}

/** A module with one text in it: quicker to load than the object it stands for. */
function moduleOf(name: string, doc: string, value: unknown): string {
  return `/** ${doc} */\nexport const ${name} = ${JSON.stringify(JSON.stringify(value))};\n`;
}

function fieldTable(models: ReadonlyMap<string, Model>): unknown {
  const table: Record<string, unknown> = {};
  for (const [name, model] of models) {
    const fields: Record<string, string> = {};
    for (const field of model.fields) fields[field.name] = field.type;
    const required = model.fields.filter((field) => field.required).map((field) => field.name);
    table[name] = required.length > 0 ? { f: fields, r: required } : { f: fields };
  }
  return table;
}

function descriptionTable(models: ReadonlyMap<string, Model>): unknown {
  const table: Record<string, Record<string, string>> = {};
  for (const [name, model] of models) {
    const texts: Record<string, string> = { '': model.description };
    for (const field of model.fields) if (field.description !== '') texts[field.name] = field.description;
    table[name] = texts;
  }
  return table;
}

const wanted = stamp();
const current = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted;
if (!current || process.argv.includes('--force')) {
  const began = performance.now();
  const models = await readModels(rootModels);
  mkdirSync(gen, { recursive: true });
  rmSync(stampFile, { force: true });
  const fields = moduleOf('fieldTable', 'Fields of the built-in kinds, JSON.', fieldTable(models));
  writeFileSync(join(gen, 'field-table.ts'), fields);
  const texts = moduleOf('descriptionTable', 'What the fields mean, JSON.', descriptionTable(models));
  writeFileSync(join(gen, 'description-table.ts'), texts);
  writeFileSync(stampFile, wanted);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`cluster: generated the fields of ${models.size} models in ${seconds} s\n`);
}
