import { ok, problem, type Result } from '@lateen/core';
import { isJsonObject, ownField, sameJson, setField, type JsonObject } from './json-value.ts';
import { fieldTypeIn, type FieldType, type ListMerge } from './object-schema.ts';

/**
 * Strategic merge patch, as `kubectl apply`, `edit` and `patch` send it: maps are merged, lists are merged
 * by the key or as the set that the schema says and replaced otherwise. Directives in the patch: `$patch: replace`
 * and `delete`, `$retainKeys`, `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`.
 *
 * Gives a new value; the target is left alone.
 */
export function strategicMergePatch(target: unknown, patch: unknown, type: FieldType): Result<unknown> {
  if (!isJsonObject(target) || !isJsonObject(patch)) {
    return problem('', 'a strategic merge patch must be an object');
  }
  try {
    return ok(mergeObject(target, patch, type, ''));
  } catch (error) {
    if (error instanceof PatchError) return problem(error.path, error.message);
    throw error;
  }
}

class PatchError extends Error {
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromList = '$deleteFromPrimitiveList/';
const elementOrder = '$setElementOrder/';

function mergeObject(target: JsonObject, patch: JsonObject, type: FieldType, path: string): JsonObject {
  const wish = patch[directive];
  if (wish === 'replace') return withoutDirectives(patch) as JsonObject;
  if (wish === 'delete') return {};
  if (wish !== undefined && wish !== 'merge') {
    throw new PatchError(path, `unknown $patch directive ${JSON.stringify(wish)}`);
  }
  const result = retained(target, patch, path);
  for (const [name, value] of Object.entries(patch)) {
    if (name === directive || name === retainKeys) continue;
    if (name.startsWith(elementOrder)) continue;
    if (name.startsWith(deleteFromList)) {
      deletePrimitives(result, name.slice(deleteFromList.length), value, path);
      continue;
    }
    const at = path === '' ? name : `${path}.${name}`;
    if (value === null) delete result[name];
    else setField(result, name, mergeValue(ownField(result, name), value, fieldTypeIn(type, name), at));
  }
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(elementOrder)) continue;
    const field = name.slice(elementOrder.length);
    const list = ownField(result, field);
    if (!Array.isArray(list) || !Array.isArray(order)) continue;
    result[field] = inOrder(list, order, ownField(target, field), fieldTypeIn(type, field));
  }
  return result;
}

function mergeValue(target: unknown, patch: unknown, type: FieldType, path: string): unknown {
  if (isJsonObject(patch)) {
    return isJsonObject(target) ? mergeObject(target, patch, type, path) : mergeObject({}, patch, type, path);
  }
  if (Array.isArray(patch)) {
    const merge: ListMerge = type.kind === 'list' ? type.merge : { kind: 'atomic' };
    return mergeList(Array.isArray(target) ? target : [], patch, merge, type, path);
  }
  return patch;
}

function mergeList(
  target: readonly unknown[],
  patch: readonly unknown[],
  merge: ListMerge,
  type: FieldType,
  path: string,
): unknown[] {
  if (merge.kind === 'atomic') return patch.map(withoutDirectives);
  if (merge.kind === 'set') {
    const result = [...target];
    for (const item of patch) if (!result.includes(item)) result.push(item);
    return result;
  }
  const [key = ''] = merge.keys;
  const items = type.kind === 'list' ? type.items : type;
  const replaces = patch.some((item) => isJsonObject(item) && item[directive] === 'replace');
  if (replaces) {
    const rest = patch.filter((item) => !isOnlyDirective(item));
    return rest.map(withoutDirectives);
  }
  const result = [...target];
  for (const [index, item] of patch.entries()) {
    const at = `${path}[${index}]`;
    if (!isJsonObject(item)) throw new PatchError(at, 'must be an object');
    const id = item[key];
    if (id === undefined) throw new PatchError(at, `does not contain declared merge key: ${key}`);
    const place = result.findIndex((other) => isJsonObject(other) && sameJson(other[key], id));
    if (item[directive] === 'delete') {
      for (let i = result.length - 1; i >= 0; i--) {
        const other = result[i];
        if (isJsonObject(other) && sameJson(other[key], id)) result.splice(i, 1);
      }
    } else if (place < 0) result.push(mergeObject({}, item, items, at));
    else result[place] = mergeObject(result[place] as JsonObject, item, items, at);
  }
  return result;
}

function isOnlyDirective(item: unknown): boolean {
  return isJsonObject(item) && directive in item && Object.keys(item).length === 1;
}

function retained(target: JsonObject, patch: JsonObject, path: string): JsonObject {
  const keys = patch[retainKeys];
  if (keys === undefined) return { ...target };
  if (!Array.isArray(keys)) throw new PatchError(path, '$retainKeys must be a list');
  for (const name of Object.keys(patch)) {
    if (name.startsWith('$') || patch[name] === null || keys.includes(name)) continue;
    throw new PatchError(path, `$retainKeys must contain all fields of the patch, "${name}" is missing`);
  }
  return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

function deletePrimitives(result: JsonObject, field: string, values: unknown, path: string): void {
  if (!Array.isArray(values)) throw new PatchError(path, `${deleteFromList}${field} must be a list`);
  const list = ownField(result, field);
  if (Array.isArray(list)) result[field] = list.filter((item) => !values.includes(item));
}

/**
 * Puts a merged list into the order that the patch asks for; items that only the server has keep their place
 * among those that were there before.
 */
function inOrder(
  list: readonly unknown[],
  order: readonly unknown[],
  before: unknown,
  type: FieldType,
): unknown[] {
  const key = type.kind === 'list' && type.merge.kind === 'by-key' ? type.merge.keys[0] : undefined;
  const idOf = (item: unknown): unknown => (key !== undefined && isJsonObject(item) ? item[key] : item);
  const wanted = order.map(idOf);
  const rankOf = (item: unknown): number => wanted.findIndex((id) => sameJson(id, idOf(item)));
  const old = Array.isArray(before) ? before.map(idOf) : [];
  const oldRankOf = (item: unknown): number => old.findIndex((id) => sameJson(id, idOf(item)));
  const ordered = list.filter((item) => rankOf(item) >= 0).sort((a, b) => rankOf(a) - rankOf(b));
  const own = list.filter((item) => rankOf(item) < 0);
  const result: unknown[] = [];
  for (const item of ordered) {
    const place = oldRankOf(item);
    const first = own.findIndex((other) => oldRankOf(other) >= place);
    result.push(...own.splice(0, first < 0 ? own.length : first), item);
  }
  return [...result, ...own];
}

/** The value of a patch where there is nothing to merge with. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    const isDirective =
      name === directive ||
      name === retainKeys ||
      name.startsWith(deleteFromList) ||
      name.startsWith(elementOrder);
    if (!isDirective && inner !== null) setField(result, name, withoutDirectives(inner));
  }
  return result;
}
