import { stringify } from 'yaml';

/**
 * YAML of one object, as it is read back by parsers of YAML 1.1 and 1.2 alike.
 *
 * Strings that YAML 1.1 takes for something else (`yes`, `0644`) are quoted; there are no aliases and long
 * strings stay on one line.
 */
export function formatManifest(object: unknown): string {
  return stringify(object, { compat: 'yaml-1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}

/** Several objects as one file. */
export function formatManifests(objects: readonly unknown[]): string {
  return objects.map(formatManifest).join('---\n');
}
