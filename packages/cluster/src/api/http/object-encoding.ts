import type { KubeObject } from '@lateen/kube';
import type { ListPage } from '../registry/resource-reader.ts';
import { apiVersionText } from '../registry/resource-type.ts';
import type { ServedType } from '../registry/type-registry.ts';
import { tableOf, type IncludeObject } from '../print/table.ts';
import type { ResponseForm } from './negotiation.ts';

const texts = new WeakMap<KubeObject, string>();

/** The JSON of a shared object, made once. */
export function objectText(object: KubeObject): string {
  let text = texts.get(object);
  if (text === undefined) texts.set(object, (text = JSON.stringify(object)));
  return text;
}

function metadataOnly(object: KubeObject, version: string): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** How one object is answered. */
export interface Encoding {
  readonly form: ResponseForm;
  readonly includeObject: IncludeObject;
  readonly nowMs: number;
}

/** One object as the body of an answer. */
export function encodeObject(served: ServedType, object: KubeObject, encoding: Encoding): string {
  const { form, includeObject, nowMs } = encoding;
  switch (form.as) {
    case 'object':
      return objectText(object);
    case 'metadata':
      return JSON.stringify(metadataOnly(object, form.version));
    default: {
      const { resourceVersion } = object.metadata;
      return tableOf(served.version.table, [object], { resourceVersion }, { form, includeObject, nowMs });
    }
  }
}

/** A page of objects as the body of an answer. */
export function encodeList(served: ServedType, page: ListPage, encoding: Encoding): string {
  const { form } = encoding;
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continueToken === undefined ? {} : { continue: page.continueToken }),
    ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
  };
  if (form.as === 'table') return tableOf(served.version.table, page.items, metadata, encoding);
  const { kind, apiVersion } =
    form.as === 'metadata'
      ? { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${form.version}` }
      : { kind: served.type.listKind, apiVersion: apiVersionText(served.version) };
  const items = page.items.map((item) =>
    form.as === 'metadata' ? JSON.stringify(metadataOnly(item, form.version)) : objectText(item),
  );
  const head = JSON.stringify({ kind, apiVersion, metadata });
  return `${head.slice(0, -1)},"items":[${items.join(',')}]}`;
}
