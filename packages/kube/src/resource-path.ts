import { LateenError } from '@lateen/core';
import type { PatchType, Selection, WriteOptions } from './client.ts';
import type { Resource } from './object.ts';

/** The path of a resource's collection: `/apis/apps/v1/namespaces/default/deployments`. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root =
    resource.group === ''
      ? `/api/${resource.version}`
      : `/apis/${encodeURIComponent(resource.group)}/${resource.version}`;
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/** The path of one object, or of one of its subresources. */
export function objectPath(
  resource: Resource,
  namespace: string | undefined,
  name: string,
  subresource?: string,
): string {
  if (name === '') throw new LateenError('kube.noName', `a ${resource.kind} without a name was asked for`);
  if (resource.namespaced && namespace === undefined) {
    throw new LateenError('kube.noNamespace', `${resource.kind} "${name}" was asked for without a namespace`);
  }
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** The query parameters of a selection, for a list or a watch. */
export function selectionQuery(selection: Selection): Record<string, string | undefined> {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}

/** The query parameters of a write. */
export function writeQuery(write: WriteOptions | undefined): Record<string, string | undefined> {
  return {
    fieldManager: write?.fieldManager,
    force: write?.force === true ? 'true' : undefined,
    dryRun: write?.dryRun === true ? 'All' : undefined,
  };
}

/** The content type that tells one kind of patch from another. */
export const patchContentTypes: Readonly<Record<PatchType, string>> = {
  'strategic-merge': 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A path with those parameters that are set. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  let text = '';
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    text += `${text === '' ? '?' : '&'}${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  }
  return path + text;
}
