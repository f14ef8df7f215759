import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock, Logger } from '@lateen/core';
import type { KubeClient, Pod } from '@lateen/kube';
import type { NodeAgent } from '../runtime/node-agent.ts';
import { authenticate } from './auth/authenticate.ts';
import { ensureCredentials } from './auth/credentials.ts';
import { kubeconfigText } from './auth/kubeconfig.ts';
import { reviewHandlers } from './auth/reviews.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { impersonate } from './auth/impersonate.ts';
import { bootstrap } from './bootstrap.ts';
import { openCore } from './core.ts';
import { Discovery } from './discovery/discovery.ts';
import { OpenApi } from './discovery/open-api.ts';
import { ApiHandler } from './http/api-handler.ts';
import { HttpServer } from './http/http-server.ts';
import { ResourceHandler, type SubresourceHandler } from './http/resource-handler.ts';
import { localClient } from './local/local-client.ts';
import { keepCertificateFresh, servingHosts, versionDocument } from './serving-identity.ts';
import { badRequest, noSuchPath } from './status.ts';
import { PodStreams } from './stream/pod-streams.ts';
import { handleBinding, handleEviction, handleFinalize } from './subresource/pod-subresources.ts';
import { handleProxy } from './subresource/proxy.ts';
import { handleTokenRequest } from './subresource/token-request.ts';

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

const defaultServiceCidr = '10.96.0.0/16';
const defaultClusterDomain = 'cluster.local';

/** Starts an API server on its data directory; it listens where it is told to afterwards. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { dataDir, clock, logger } = options;
  const clusterDomain = options.clusterDomain ?? defaultClusterDomain;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const serviceCidr = options.serviceCidr ?? defaultServiceCidr;
  const identity = {
    folder: join(dataDir, 'pki'),
    hosts: servingHosts(clusterDomain, serviceCidr, options.addresses ?? []),
  };
  const credentials = ensureCredentials({ ...identity, nowMs: clock.now() });
  const core = await openCore({ dataDir, clock, logger, serviceCidr });
  const { objects, types, writer, service, authorizer, builtins, metadata } = core;
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
    authenticate: async (request) =>
      impersonate(request.headers, await authenticate(request, tokens), authorizer),
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

  const stopRenewal = keepCertificateFresh(identity, credentials, clock, logger, (pair) => http.renew(pair));
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
      stopRenewal();
      await http.close();
      await core.close();
    },
  };
}
