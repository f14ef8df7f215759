import { isStatus, type HttpKubeClient, type KubeObject } from '@lateen/kube';
import { discovery, type Discovery } from './discovery.ts';
import { shownKind } from './kube-command.ts';

export interface ApplyOptions {
  /** For objects that name none. */
  readonly namespace: string;
  readonly dryRun?: boolean;
  readonly discovery?: Discovery;
  readonly onApplied?: (applied: AppliedObject) => void;
}

/** What became of one object. */
export interface AppliedObject {
  /** `service/reviews`. */
  readonly shownName: string;
  readonly outcome: 'created' | 'configured' | 'unchanged';
}

/** Server-side apply of objects, one after the other; a field that others own is taken over. */
export async function applyObjects(
  client: HttpKubeClient,
  objects: readonly KubeObject[],
  options: ApplyOptions,
): Promise<void> {
  const known = options.discovery ?? discovery(client);
  for (const object of objects) {
    const resource = await known.byKind(object.apiVersion, object.kind);
    const { name } = object.metadata;
    const namespace = resource.namespaced ? (object.metadata.namespace ?? options.namespace) : undefined;
    const before = await client.get(resource, namespace, name).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    const wanted =
      namespace === undefined ? object : { ...object, metadata: { ...object.metadata, namespace } };
    const after = await client.patch(resource, namespace, name, 'apply', wanted, {
      fieldManager: 'lateen',
      force: true,
      ...(options.dryRun === true ? { dryRun: true } : {}),
    });
    const same = before?.metadata.resourceVersion === after.metadata.resourceVersion;
    const outcome = before === undefined ? 'created' : same ? 'unchanged' : 'configured';
    options.onApplied?.({ shownName: `${shownKind(resource)}/${name}`, outcome });
  }
}
