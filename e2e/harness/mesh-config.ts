import type { TestCluster } from './cluster.ts';

/** Changes the text of the mesh configuration; resolves with what puts the former text back. */
export async function editMesh(
  cluster: TestCluster,
  edit: (text: string) => string,
): Promise<() => Promise<void>> {
  const before = await cluster.sh(`kubectl get configmap istio -n istio-system -o jsonpath='{.data.mesh}'`);
  const write = async (mesh: string): Promise<void> => {
    const patch = JSON.stringify({ data: { mesh } });
    await cluster.sh(`kubectl patch configmap istio -n istio-system --type merge -p '${patch}'`);
  };
  await write(edit(before));
  return () => write(before);
}

/** Adds providers, each an element of `extensionProviders` in YAML; resolves with what takes them away again. */
export function addProviders(
  cluster: TestCluster,
  ...providers: readonly string[]
): Promise<() => Promise<void>> {
  return editMesh(cluster, (text) =>
    text.replace(
      /^extensionProviders:\n/m,
      (head) => `${head}${providers.map((one) => `  - ${one}\n`).join('')}`,
    ),
  );
}

/** The providers of `served-script.ts`, as elements of `extensionProviders`. */
export const httpProvider =
  '{ name: sample-ext-authz-http, envoyExtAuthzHttp: { service: ext-authz.default.svc.cluster.local, port: 8000, includeRequestHeadersInCheck: [x-ext-authz], headersToUpstreamOnAllow: [x-ext-authz-check-result] } }';
export const grpcProvider =
  '{ name: sample-ext-authz-grpc, envoyExtAuthzGrpc: { service: ext-authz-grpc.default.svc.cluster.local, port: 9000 } }';
