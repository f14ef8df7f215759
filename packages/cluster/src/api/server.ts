import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { kubernetesVersion } from '@lateen/config';
import type { Clock, Logger } from '@lateen/core';
import type { KubeClient, Pod } from '@lateen/kube';
import type { NodeAgent } from '../runtime/node-agent.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { ServiceAllocation } from './admission/service-allocation.ts';
import { WebhookAdmission } from './admission/webhook/webhook-admission.ts';
import { authenticate } from './auth/authenticate.ts';
import { ensureCredentials } from './auth/credentials.ts';
import { kubeconfigText } from './auth/kubeconfig.ts';
import { RbacAuthorizer } from './auth/rbac-authorizer.ts';
import { reviewHandlers } from './auth/reviews.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { bootstrap } from './bootstrap.ts';
import { builtinTypes } from './builtin/types.ts';
import { CrdRegistrar } from './crd/crd-registrar.ts';
import { patternAdmission } from './crd/pattern-admission.ts';
import { Discovery } from './discovery/discovery.ts';
import { OpenApi } from './discovery/open-api.ts';
import { ApiHandler } from './http/api-handler.ts';
import { HttpServer } from './http/http-server.ts';
import { ResourceHandler, type SubresourceHandler } from './http/resource-handler.ts';
import { localClient } from './local/local-client.ts';
import type { RequestContext } from './registry/request-context.ts';
import { ObjectStore } from './registry/object-store.ts';
import { ResourceReader } from './registry/resource-reader.ts';
import { ResourceService } from './registry/resource-service.ts';
import { ResourceWriter } from './registry/resource-writer.ts';
import { TypeRegistry } from './registry/type-registry.ts';
import { FieldTable } from './schema/field-table.ts';
import { badRequest, noSuchPath } from './status.ts';
import { PodStreams } from './stream/pod-streams.ts';
import { handleBinding, handleEviction, handleFinalize } from './subresource/pod-subresources.ts';
import { handleProxy } from './subresource/proxy.ts';
import { handleTokenRequest } from './subresource/token-request.ts';
import { startCompaction } from './storage/compaction.ts';
import { SqliteStore } from './storage/sqlite-store.ts';

export interface ApiServerOptions {
  /** Folder for the database, the certificates and the keys; made where it is missing. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Addresses that Services get; default `10.96.0.0/16`. */
  readonly serviceCidr?: string;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** Names and addresses, beside the Service's own, at which the serving certificate must be good. */
  readonly addresses?: readonly string[];
}

/** The Kubernetes API, over TLS for the world and as a {@link KubeClient} for parts in the same process. */
export interface ApiServer {
  /** The authority that signed the serving certificate, PEM. */
  readonly caCertificate: string;
  /**
   * A client without TLS or HTTP, with the same defaults, admission and validation as any other.
   * `userName` defaults to `system:apiserver`, a member of `system:masters`.
   */
  client(userName?: string, groups?: readonly string[]): KubeClient;
  /** Answers on a TLS connection that was accepted elsewhere. */
  handleConnection(socket: Socket): void;
  /** Answers on every connection of a listening (or soon listening) plain server. */
  serve(listener: Server): void;
  /** Listens on an address of this network namespace; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** Gives logs, exec, attach and port-forward their other end. */
  connectNode(agent: NodeAgent): void;
  /** A kubeconfig of the administrator, with certificates in it. */
  kubeconfig(serverUrl: string): string;
  close(): Promise<void>;
}

/** For what the server writes by itself. */
const systemContext: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  fieldManager: '',
  fieldValidation: 'Ignore',
  warn: () => {},
};

const defaultServiceCidr = '10.96.0.0/16';
const defaultClusterDomain = 'cluster.local';

/** Starts an API server on its data directory; it listens where it is told to afterwards. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { dataDir, clock, logger } = options;
  const clusterDomain = options.clusterDomain ?? defaultClusterDomain;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const credentials = await ensureCredentials({
    folder: join(dataDir, 'pki'),
    hosts: servingHosts(clusterDomain, options.serviceCidr ?? defaultServiceCidr, options.addresses ?? []),
    nowMs: clock.now(),
  });

  const store = new SqliteStore({ file: join(dataDir, 'state.db') });
  const stopCompaction = startCompaction(store, clock, logger.scope('storage'));
  const objects = new ObjectStore(store);
  const builtins = new FieldTable();
  const types = new TypeRegistry(builtinTypes(builtins));
  const reader = new ResourceReader(objects);
  const serviceCidr = options.serviceCidr ?? defaultServiceCidr;
  const allocation = new ServiceAllocation(serviceCidr);
  await allocation.start(objects, types);
  const webhooks = new WebhookAdmission({ reader, types, clock, logger: logger.scope('webhook') });
  const serviceAccount = serviceAccountAdmission(objects, types, clock);
  const admission = [
    namespaceLifecycle(reader, types),
    serviceAccount,
    webhooks.mutatingPlugin(),
    // Once more, for the containers that webhooks have added.
    serviceAccount,
    allocation,
    patternAdmission,
    webhooks.validatingPlugin(),
  ];
  const writer = new ResourceWriter({ objects, clock, admission });
  const metadata = builtins.schema('V1ObjectMeta');
  const service = new ResourceService({
    types,
    reader,
    writer,
    clock,
    settled: async (type, context) => {
      if (type.kind === 'CustomResourceDefinition' && context !== systemContext) await registrar.settled();
    },
  });
  const registrar = new CrdRegistrar({
    objects,
    service,
    metadata,
    clock,
    logger: logger.scope('crd'),
    context: systemContext,
  });
  await registrar.start();
  const authorizer = new RbacAuthorizer(reader, types);
  const issuer = `https://kubernetes.default.svc.${clusterDomain}`;
  const tokens = new ServiceAccountTokens({
    key: credentials.tokenKey,
    issuer,
    clock,
    find: async (plural, namespace, name) => {
      const type = types.findPlural('', plural);
      return type === undefined ? undefined : (await objects.get(type, namespace, name))?.object;
    },
  });

  const discovery = new Discovery(types);
  const pods = service.served({ group: '', version: 'v1', plural: 'pods' });
  const streams = new PodStreams({
    clock,
    getPod: async (namespace, name) => (await service.get(pods, namespace, name)) as Pod,
  });
  const proxyParts = {
    clock,
    get: (plural: string, namespace: string, name: string) =>
      service.get(service.served({ group: '', version: 'v1', plural }), namespace, name),
  };
  const special = new Map<string, SubresourceHandler>([
    ...reviewHandlers(tokens, authorizer),
    ['/pods/binding', (call) => handleBinding(call, writer, clock)],
    ['/pods/log', ({ request, path }) => streams.log(request, path)],
    ['/pods/proxy', (call) => handleProxy(call, proxyParts)],
    ['/services/proxy', (call) => handleProxy(call, proxyParts)],
    ['/pods/eviction', (call) => handleEviction(call, service)],
    ['/namespaces/finalize', (call) => handleFinalize(call, writer)],
    ['/serviceaccounts/token', (call) => handleTokenRequest(call, { service, objects, types, tokens })],
  ]);
  const resources = new ResourceHandler({ service, clock, special });
  const api = new ApiHandler({
    types,
    discovery,
    openApi: new OpenApi(types, discovery, metadata),
    resources,
    authorizer,
    clock,
    logger,
    version: versionDocument(),
    identity: {
      configuration: () => ({
        issuer,
        jwks_uri: `${issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      }),
      keys: () => tokens.keySet(),
    },
  });
  const http = new HttpServer({
    certificate: credentials.server,
    clientAuthority: credentials.authority.certificate,
    logger: logger.scope('http'),
    authenticate: (request) => authenticate(request, tokens),
    handle: (request) => api.handle(request),
    decodeProtobuf: async (body) => {
      const { decodeBody } = await import('./kube-protobuf/decode-body.ts');
      return decodeBody(body, types, builtins);
    },
    upgrade: async (request, raw, socket, head) => {
      const path = await api.authorized(request);
      if (path.kind !== 'resource') throw noSuchPath();
      if (path.subresource === '') {
        const answer = await resources.handle(request, path);
        if (answer.kind !== 'stream') throw badRequest('only watches are served over a WebSocket');
        const { serveWatch } = await import('./stream/watch-socket.ts');
        await serveWatch(raw, socket, head, answer.run);
        return;
      }
      if (path.served.type !== pods.type || !streams.serves(path.subresource)) throw noSuchPath();
      await streams.upgrade(request, path, raw, socket, head);
    },
  });

  const client = (
    userName = 'system:apiserver',
    groups: readonly string[] = ['system:masters', 'system:authenticated'],
  ): KubeClient =>
    localClient({ service, user: { name: userName, groups }, handle: (request) => api.handle(request) });
  await bootstrap(client());

  return {
    caCertificate: credentials.authority.certificate,
    client,
    handleConnection: (socket) => http.handleConnection(socket),
    serve: (listener) => http.serve(listener),
    listen: async (host, port) => {
      const listener = createServer();
      http.serve(listener);
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject);
        listener.listen(port, host, resolve);
      });
      return (listener.address() as AddressInfo).port;
    },
    connectNode: (agent) => streams.connectNode(agent),
    kubeconfig: (serverUrl) => kubeconfigText(serverUrl, credentials),
    async close() {
      await http.close();
      authorizer.close();
      registrar.close();
      webhooks.close();
      allocation.close();
      stopCompaction();
      await store.close();
    },
  };
}

/** All names and addresses at which clients may find the server. */
function servingHosts(clusterDomain: string, serviceCidr: string, addresses: readonly string[]): string[] {
  return [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${clusterDomain}`,
    'localhost',
    '127.0.0.1',
    firstAddressOf(serviceCidr),
    ...addresses,
  ];
}

/** The address of the `kubernetes` Service: the first of the range. */
function firstAddressOf(cidr: string): string {
  const [base = ''] = cidr.split('/');
  const parts = base.split('.').map(Number);
  parts[3] = (parts[3] ?? 0) + 1;
  return parts.join('.');
}

function versionDocument(): object {
  return {
    ...kubernetesVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '',
    goVersion: '',
    compiler: `node ${process.version}`,
    platform: `${process.platform}/${process.arch}`,
  };
}
