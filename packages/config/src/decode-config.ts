import { ok, problem, problems as failed, type Result } from '@lateen/core';
import { normaliseConfig } from './kinds/normalise.ts';
import { configKindOf, configKinds, type ConfigKindName } from './kinds/config-kinds.ts';
import type { ConfigObject } from './kinds/config-object.ts';
import { checkShape, isObject, nameOf, problemList, type Report } from './schema/check-shape.ts';
import { didYouMean } from './schema/did-you-mean.ts';
import { isRepaired, repairShape } from './schema/repair-shape.ts';
import { validateConfig } from './validate/validate-config.ts';

/**
 * Decodes one object of the mesh's configuration: its shape, then Istio's rules about its meaning.
 *
 * The value has deprecated fields rewritten to their successors (`fault.delay.percent` to
 * `percentage.value`), so that nothing behind this needs to know them. All problems are returned, each
 * with the path of its field.
 */
export function decodeConfig(object: unknown): Result<ConfigObject> {
  if (!isObject(object)) return problem('', `must be an object, not ${nameOf(object)}`);
  const { apiVersion, kind } = object;
  if (typeof apiVersion !== 'string') return problem('apiVersion', 'is required');
  if (typeof kind !== 'string') return problem('kind', 'is required');
  const known = configKindOf(apiVersion, kind);
  if (known === undefined) return unknownKind(apiVersion, kind);

  const { problems, report } = problemList();
  checkMetadata(object['metadata'], report);
  for (const key of Object.keys(object)) {
    if (!['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key)) {
      const meant = didYouMean(key, ['spec', 'metadata']);
      report(
        key,
        `unknown field${meant === undefined ? '; rules belong under spec' : ` (did you mean ${meant}?)`}`,
      );
    }
  }
  if (object['spec'] !== undefined && object['spec'] !== null) {
    checkShape(known.shape, object['spec'], 'spec', report);
  } else if ((known.shape.required ?? []).length > 0) {
    report('spec', `is required, with at least ${(known.shape.required ?? []).join(', ')}`);
  }
  if (problems.length > 0) {
    // What is right in shape is still checked for its meaning, so that all problems are told at once.
    const repaired = repairShape(known.shape, object['spec'] ?? {}, 'spec');
    validateConfig(normalised(object, repaired.value), (path, message) => {
      if (!isRepaired(path, repaired)) report(path, message);
    });
    return failed(problems);
  }
  const config = normalised(object, withoutNulls(object['spec'] ?? {}));
  validateConfig(config, report);
  return problems.length > 0 ? failed(problems) : ok(config);
}

/** The object with its checked spec, deprecated fields rewritten. */
function normalised(object: Record<string, unknown>, spec: unknown): ConfigObject {
  // The spec is of the shape that the object's kind says.
  return normaliseConfig({ ...object, spec } as unknown as ConfigObject);
}

function unknownKind(apiVersion: string, kind: string): Result<never> {
  const known = Object.hasOwn(configKinds, kind) ? configKinds[kind as ConfigKindName] : undefined;
  if (known !== undefined) {
    const allowed = known.versions.map((version) => `${known.group}/${version}`);
    return problem('apiVersion', `must be one of ${allowed.join(', ')} for a ${kind}, not "${apiVersion}"`);
  }
  const meant = didYouMean(kind, Object.keys(configKinds));
  return problem(
    'kind',
    `"${kind}" of ${apiVersion} is not configuration of the mesh${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
  );
}

function checkMetadata(metadata: unknown, report: Report): void {
  if (!isObject(metadata)) {
    report('metadata', 'is required');
    return;
  }
  if (typeof metadata['name'] !== 'string' || metadata['name'] === '') {
    if (typeof metadata['generateName'] !== 'string') report('metadata.name', 'is required');
  }
  if (metadata['namespace'] !== undefined && typeof metadata['namespace'] !== 'string') {
    report('metadata.namespace', `must be a string, not ${nameOf(metadata['namespace'])}`);
  }
  for (const field of ['labels', 'annotations']) {
    const value = metadata[field];
    if (value === undefined || value === null) continue;
    checkShape(
      { type: 'object', additionalProperties: { type: 'string' } },
      value,
      `metadata.${field}`,
      report,
    );
  }
}

/** The value without fields that are null: the same as not there, as Kubernetes has it. Shares what has none. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    const elements = value.map(withoutNulls);
    return elements.some((element, index) => element !== value[index]) ? elements : value;
  }
  if (!isObject(value)) return value;
  let changed = false;
  const kept: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const stripped = field === null ? undefined : withoutNulls(field);
    if (stripped !== field) changed = true;
    if (stripped !== undefined) kept[key] = stripped;
  }
  return changed ? kept : value;
}
