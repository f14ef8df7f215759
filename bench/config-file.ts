import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Copies a configuration with its `{{name}}` filled in to the working directory; returns where it is. */
export function fillIn(
  template: string,
  workDir: string,
  values: Readonly<Record<string, string | number>>,
  fileName = basename(template),
): string {
  const text = readFileSync(template, 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template} asks for ${name}, which is not known`);
    return String(value);
  });
  const target = join(workDir, fileName);
  writeFileSync(target, text);
  return target;
}
