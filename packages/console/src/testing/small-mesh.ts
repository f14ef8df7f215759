import type { MeshSource, SourceObject } from '../mesh-source.ts';

/** A pod with a sidecar, or of a gateway, as the API server shows it. */
export function makePod(
  app: string,
  version: string,
  proxy: 'sidecar' | 'router' | 'none' = 'sidecar',
): SourceObject {
  const hash = '5d4f8c';
  const workload = proxy === 'router' ? app : `${app}-${version}`;
  const containers = [
    ...(proxy === 'router' ? [] : [{ name: app }]),
    ...(proxy === 'none' ? [] : [{ name: 'istio-proxy', args: ['proxy', proxy] }]),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${workload}-${hash}-x`,
      namespace: 'default',
      labels: { app, 'pod-template-hash': hash, ...(proxy === 'router' ? {} : { version }) },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${workload}-${hash}` }],
    },
    spec: { containers },
    status: {
      phase: 'Running',
      containerStatuses: containers.map(({ name }) => ({ name, ready: true, restartCount: 0 })),
    },
  };
}

export function makeService(
  name: string,
  selector: Readonly<Record<string, string>> = { app: name },
): SourceObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector, ports: [{ name: 'http', port: 9080 }] },
  };
}

export function makeConfig(kind: string, name: string, spec: object): SourceObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace: 'default' },
    spec,
  };
}

/** A source over objects that tests change, and texts that they give by `POD:PORT`. */
export interface SmallMesh extends MeshSource {
  put(...objects: readonly SourceObject[]): void;
  readonly pages: Map<string, string>;
  /** Every page that was asked for. */
  readonly asked: string[];
}

export function smallMesh(...start: readonly SourceObject[]): SmallMesh {
  const objects: SourceObject[] = [...start];
  const watchers = new Set<(kind: string) => void>();
  const pages = new Map<string, string>();
  const asked: string[] = [];
  return {
    pages,
    asked,
    list: (kind) => objects.filter((object) => object.kind === kind),
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
    put(...more) {
      objects.push(...more);
      for (const { kind = '' } of more) for (const watcher of watchers) watcher(kind);
    },
    readPod(_, name, port) {
      asked.push(`${name}:${port}`);
      const text = pages.get(`${name}:${port}`);
      return text === undefined ? Promise.reject(new Error('connection refused')) : Promise.resolve(text);
    },
  };
}
