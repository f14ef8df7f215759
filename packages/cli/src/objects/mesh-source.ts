import { configKinds, type ConfigKind } from '@lateen/config';
import type { MeshSource } from '@lateen/console';
import { LateenError, type Clock, type Logger } from '@lateen/core';
import {
  apiVersionOf,
  informer,
  objectPath,
  resources,
  type HttpKubeClient,
  type Informer,
  type KubeObject,
  type Resource,
} from '@lateen/kube';

/** A source that follows a cluster and must be closed. */
export interface KubeMeshSource extends MeshSource {
  close(): Promise<void>;
}

const platform: readonly Resource[] = [
  resources.namespaces,
  resources.services,
  resources.deployments,
  resources.pods,
];

function configResources(): Resource[] {
  return Object.values<ConfigKind>(configKinds)
    .filter(({ kind }) => kind !== 'IstioOperator')
    .map(({ group, versions, kind, plural }) => ({
      group,
      version: versions[0] ?? 'v1',
      kind,
      plural,
      namespaced: true,
    }));
}

/** Follows what the console shows of a cluster; resolves when all of it has been listed. */
export async function kubeMeshSource(
  client: HttpKubeClient,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<KubeMeshSource> {
  const subscribers = new Set<(kind: string) => void>();
  const informers = new Map<string, Informer<KubeObject>>();
  for (const resource of [...platform, ...configResources()]) {
    const { kind } = resource;
    const onChange = (): void => {
      for (const subscriber of subscribers) subscriber(kind);
    };
    informers.set(kind, informer({ client, resource, clock, logger, onChange }));
  }
  await Promise.all([...informers.values()].map(({ synced }) => synced));
  return {
    list(kind) {
      const found = informers.get(kind);
      if (found === undefined) return [];
      const apiVersion = apiVersionOf(found.resource);
      // What came with a list may lack the fields that name its kind.
      return found.list().map((object) => ({ ...object, apiVersion, kind }));
    },
    watch(onChange) {
      subscribers.add(onChange);
      return () => subscribers.delete(onChange);
    },
    async readPod(namespace, name, port, path) {
      const target = `${objectPath(resources.pods, namespace, `${name}:${port}`, 'proxy')}${path}`;
      const answer = await client.call({ method: 'GET', path: target, accept: '*/*' });
      if (typeof answer === 'string') return answer;
      if (answer === undefined) throw new LateenError('cli.noAnswer', `${name}:${port}${path} is empty`);
      return JSON.stringify(answer);
    },
    async close() {
      await Promise.all([...informers.values()].map((one) => one.close()));
    },
  };
}
