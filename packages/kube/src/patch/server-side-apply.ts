import {
  decodeFieldsRoot,
  differenceFields,
  emptyFields,
  encodeFields,
  fieldPaths,
  intersectFields,
  isEmptySet,
  unionFields,
  type FieldNode,
} from './field-set.ts';
import { isJsonObject, ownField, setField, type JsonObject } from './json-value.ts';
import { fieldTypeIn, type FieldType } from './object-schema.ts';
import { compareFields, fieldsOf, granularity, itemElement, itemType } from './typed-fields.ts';

/** One entry of `metadata.managedFields`. */
export interface ManagedFields {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: JsonObject;
  readonly subresource?: string;
}

/** Who writes, and how. */
export interface Manager {
  readonly name: string;
  readonly apiVersion: string;
  readonly subresource?: string;
  /** RFC 3339. */
  readonly time: string;
}

/** Fields that another manager owns with another value. */
export interface ApplyConflict {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** As in `.spec.replicas`. */
  readonly field: string;
}

export type ApplyResult =
  | { readonly ok: true; readonly object: JsonObject; readonly managedFields: ManagedFields[] }
  | { readonly ok: false; readonly conflicts: ApplyConflict[] };

interface Owner {
  readonly entry: Omit<ManagedFields, 'fieldsV1' | 'fieldsType'>;
  fields: FieldNode;
}

/** Nobody owns what the server alone writes. */
const unownedMetadata = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
  'generateName',
];

/** The object without the fields that have no owner. */
function ownable(object: JsonObject): JsonObject {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  if (!isJsonObject(metadata)) return rest;
  const kept = Object.entries(metadata).filter(([name]) => !unownedMetadata.includes(name));
  return kept.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(kept) };
}

function decodeOwners(managedFields: unknown): Owner[] {
  if (!Array.isArray(managedFields)) return [];
  return (managedFields as ManagedFields[]).map((managed) => {
    const { fieldsV1, fieldsType: _, ...entry } = managed;
    return { entry, fields: decodeFieldsRoot(fieldsV1) };
  });
}

function encodeOwners(owners: readonly Owner[]): ManagedFields[] {
  return owners
    .filter((owner) => !isEmptySet(owner.fields))
    .map(({ entry, fields }) => ({ ...entry, fieldsType: 'FieldsV1', fieldsV1: encodeFields(fields) }));
}

function isSame(entry: Owner['entry'], operation: string, manager: Manager): boolean {
  return (
    entry.operation === operation &&
    entry.manager === manager.name &&
    (entry.subresource ?? '') === (manager.subresource ?? '') &&
    (operation === 'Apply' || entry.apiVersion === manager.apiVersion)
  );
}

function entryOf(manager: Manager, operation: 'Apply' | 'Update'): Owner['entry'] {
  return {
    manager: manager.name,
    operation,
    apiVersion: manager.apiVersion,
    time: manager.time,
    ...(manager.subresource === undefined ? {} : { subresource: manager.subresource }),
  };
}

/**
 * Server-side apply: merges what the manager wants into the object, takes away what it wanted before and does not
 * any more, and keeps account of who owns what. `live` is undefined where the object is new.
 *
 * Fields that others own with other values are conflicts, unless `force` takes them over.
 */
export function serverSideApply(
  live: JsonObject | undefined,
  wanted: JsonObject,
  type: FieldType,
  manager: Manager,
  force: boolean,
): ApplyResult {
  const owners = ownersOf(live, type, manager);
  const own = owners.find((owner) => isSame(owner.entry, 'Apply', manager));
  const others = owners.filter((owner) => owner !== own);
  const before = live ?? {};
  const fields = fieldsOf(ownable(wanted), type);
  let merged = mergeTyped(before, wanted, type) as JsonObject;
  if (own !== undefined) {
    const kept = others.reduce((all, other) => unionFields(all, other.fields), fields);
    const dropped = differenceFields(own.fields, kept);
    if (!isEmptySet(dropped)) merged = (removeFields(merged, dropped, kept, type) ?? {}) as JsonObject;
  }
  const { changed, removed } = compareFields(ownable(before), ownable(merged), type);
  const conflicts: ApplyConflict[] = [];
  for (const other of others) {
    const lost = intersectFields(other.fields, changed);
    if (!isEmptySet(lost)) {
      if (force) other.fields = differenceFields(other.fields, lost);
      else {
        const { manager: name, operation, apiVersion, subresource = '' } = other.entry;
        for (const field of fieldPaths(lost)) {
          conflicts.push({ manager: name, operation, apiVersion, subresource, field });
        }
      }
    }
    other.fields = differenceFields(other.fields, removed);
  }
  if (conflicts.length > 0) return { ok: false, conflicts };
  const same =
    own !== undefined && isEmptySet(changed) && isEmptySet(removed) && equalSets(own.fields, fields);
  const entry = same ? own.entry : entryOf(manager, 'Apply');
  return { ok: true, object: merged, managedFields: encodeOwners([...others, { entry, fields }]) };
}

/** An object that nobody accounted for belongs to an unknown manager until now. */
function ownersOf(live: JsonObject | undefined, type: FieldType, manager: Manager): Owner[] {
  if (live === undefined) return [];
  const metadata = live['metadata'];
  const owners = decodeOwners(isJsonObject(metadata) ? metadata['managedFields'] : undefined);
  if (owners.length > 0) return owners;
  const fields = fieldsOf(ownable(live), type);
  const { subresource: _, ...first } = manager;
  return [{ entry: entryOf({ ...first, name: 'before-first-apply' }, 'Update'), fields }];
}

function equalSets(a: FieldNode, b: FieldNode): boolean {
  return isEmptySet(differenceFields(a, b)) && isEmptySet(differenceFields(b, a));
}

/**
 * The accounts after a write that was not an apply: the writer owns what it changed, nobody else does.
 * Where `manager` is undefined the writer keeps no account of its own.
 */
export function trackUpdate(
  before: JsonObject | undefined,
  after: JsonObject,
  managedFields: unknown,
  type: FieldType,
  manager: Manager | undefined,
): ManagedFields[] {
  const owners = decodeOwners(managedFields);
  if (manager === undefined && owners.length === 0) return [];
  const { changed, removed } = compareFields(ownable(before ?? {}), ownable(after), type);
  if (isEmptySet(changed) && isEmptySet(removed)) return encodeOwners(owners);
  const own =
    manager === undefined ? undefined : owners.find((owner) => isSame(owner.entry, 'Update', manager));
  const gone = unionFields(changed, removed);
  const others = owners.filter((owner) => owner !== own);
  for (const other of others) other.fields = differenceFields(other.fields, gone);
  if (manager === undefined) return encodeOwners(others);
  const fields = unionFields(differenceFields(own?.fields ?? emptyFields(), removed), changed);
  return encodeOwners([...others, { entry: entryOf(manager, 'Update'), fields }]);
}

/** Merges a wanted state into the present one, by the types of the schema. */
function mergeTyped(present: unknown, wanted: unknown, type: FieldType): unknown {
  const how = granularity(wanted, type);
  if (how === 'whole' || present === undefined || granularity(present, type) !== how) return wanted;
  if (how === 'fields') {
    const result: JsonObject = { ...(present as JsonObject) };
    for (const [name, value] of Object.entries(wanted as JsonObject)) {
      setField(result, name, mergeTyped(ownField(result, name), value, fieldTypeIn(type, name)));
    }
    return result;
  }
  const items = new Map((present as unknown[]).map((item) => [itemElement(item, type), item]));
  for (const item of wanted as unknown[]) {
    const element = itemElement(item, type);
    items.set(element, mergeTyped(items.get(element), item, itemType(type)));
  }
  return [...items.values()];
}

/** Takes the fields of `dropped` away; a place in which `kept` names something stays. Undefined where nothing is left. */
function removeFields(
  value: unknown,
  dropped: FieldNode,
  kept: FieldNode | undefined,
  type: FieldType,
): unknown {
  if (dropped.self && (kept === undefined || isEmptySet(kept)) && dropped.children.size === 0)
    return undefined;
  if (isJsonObject(value)) {
    const result: JsonObject = {};
    for (const [name, inner] of Object.entries(value)) {
      const drop = dropped.children.get(`f:${name}`);
      const keep = kept?.children.get(`f:${name}`);
      const left = drop === undefined ? inner : removeFields(inner, drop, keep, fieldTypeIn(type, name));
      if (left !== undefined) setField(result, name, left);
    }
    const emptied = Object.keys(result).length === 0 && Object.keys(value).length > 0;
    return emptied && (kept === undefined || isEmptySet(kept)) ? undefined : result;
  }
  if (!Array.isArray(value)) return value;
  const result: unknown[] = [];
  for (const item of value) {
    const element = itemElement(item, type);
    const drop = dropped.children.get(element);
    const keep = kept?.children.get(element);
    if (drop === undefined) result.push(item);
    else if (drop.self && keep === undefined) continue;
    else {
      const left = removeFields(item, drop, keep, itemType(type));
      if (left !== undefined) result.push(left);
    }
  }
  return result.length === 0 && value.length > 0 && (kept === undefined || isEmptySet(kept))
    ? undefined
    : result;
}
