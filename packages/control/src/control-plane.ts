import { flushCompileCache } from 'node:module';
import type { Clock, Logger } from '@lateen/core';
import type { KubeClient } from '@lateen/kube';
import { createGrpcServer } from '@lateen/protocol/grpc';
import {
  controlPlaneNames,
  loadAuthority,
  registerCertificateService,
  servingCertificate,
  tokenAuthenticator,
} from './ca/index.ts';
import type { DiscoveryOptions } from './command-line.ts';
import { debugServer } from './debug/debug-server.ts';
import { statusService } from './debug/status-service.ts';
import type { ControlEnvironment } from './env.ts';
import { EnvoyFilters } from './ingest/envoy-filters.ts';
import { KeySets } from './ingest/key-sets.ts';
import { kubernetesIngest } from './ingest/kubernetes/adapter.ts';
import { startWebhooks } from './platform/index.ts';
import { registerAdsService } from './push/ads-service.ts';
import { controlPlaneIdentifier } from './push/control-plane-identifier.ts';
import { DiscoveryServer } from './push/discovery-server.ts';
import { warningsAgainst } from './model/warnings.ts';

export interface ControlPlaneOptions {
  readonly client: KubeClient;
  readonly env: ControlEnvironment;
  readonly discovery: DiscoveryOptions;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A running control plane. */
export interface ControlPlane {
  readonly discovery: DiscoveryServer;
  /** The ports that are open. */
  readonly ports: {
    readonly xds: number;
    readonly secureXds: number;
    readonly monitoring: number;
    readonly webhooks: number;
    readonly health: number;
  };
  /** Stops taking connections, tells proxies to go elsewhere, and ends. */
  close(graceMs: number): Promise<void>;
}

/**
 * Starts everything in parallel, and serves only when the mesh's state is complete: an early proxy
 * would be told that most of the mesh does not exist.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { client, env, clock, logger, trustDomain } = options;
  const { ports, host, domain, maxConnectionAgeMs } = options.discovery;
  const at = (port: number) => (host === undefined ? { port } : { port, host });

  const discovery = new DiscoveryServer({ clock, logger, identifier: controlPlaneIdentifier(env.podName) });
  const keySets = new KeySets({
    clock,
    logger,
    state: () => discovery.engine.state,
    apply: (changes) => discovery.apply(changes),
  });
  const filters = new EnvoyFilters({
    logger,
    state: () => discovery.engine.state,
    apply: (changes) => discovery.apply(changes),
  });
  const ingest = kubernetesIngest({
    client,
    clock,
    logger,
    rootNamespace: env.namespace,
    filters: env.filters,
    revision: env.revision,
    domain,
    apply(changes) {
      discovery.apply(changes);
      keySets.refresh();
      filters.refresh();
    },
  });
  let ready = false;
  const debug = debugServer({ discovery, ingest, clock, isReady: () => ready });
  const [health, monitoring, authority] = await Promise.all([
    debug.listen(at(ports.health)),
    debug.listen(at(ports.monitoring)),
    loadAuthority({ client, namespace: env.namespace, trustDomain, clock, logger: logger.scope('ca') }),
  ]);
  const serving = servingCertificate({
    authority,
    dnsNames: controlPlaneNames(env.namespace, env.revision),
    clock,
    logger: logger.scope('ca'),
  });
  const authenticate = tokenAuthenticator({
    client,
    audiences: ['istio-ca'],
    clock,
    logger: logger.scope('ca'),
  });

  const server = createGrpcServer({ clock, logger: logger.scope('grpc'), maxConnectionAgeMs });
  const ads = registerAdsService(server, {
    discovery,
    status: statusService(discovery, env.namespace),
    authenticate,
    logger: logger.scope('ads'),
  });
  registerCertificateService(server, {
    authority: () => authority,
    authenticate,
    trustDomain,
    logger: logger.scope('ca'),
  });

  const [webhooks] = await Promise.all([
    startWebhooks({
      client,
      authority,
      certificate: serving,
      namespace: env.namespace,
      revision: env.revision,
      at: at(ports.webhooks),
      warningsFor: (object) => warningsAgainst(discovery.engine.state, domain, object),
      isReady: () => ready,
      clock,
      logger,
    }),
    ingest.synced,
  ]);
  await filters.settled();
  const tlsOf = (pair: { readonly certificateChain: string; readonly privateKey: string }) => ({
    cert: pair.certificateChain,
    key: pair.privateKey,
  });
  const [plain, secure] = await Promise.all([
    server.listen(at(ports.xds)),
    server.listen({ ...at(ports.secureXds), tls: tlsOf(serving.current) }),
  ]);
  serving.subscribe((pair) => secure.updateTls(tlsOf(pair)));
  ready = true;
  // With NODE_COMPILE_CACHE the next start finds what this one has compiled.
  flushCompileCache();
  logger.info('ready', { xds: plain.port, secureXds: secure.port, monitoring, health });

  return {
    discovery,
    ports: { xds: plain.port, secureXds: secure.port, monitoring, webhooks: webhooks.port, health },
    async close(graceMs) {
      ready = false;
      serving.close();
      ads.close();
      keySets.close();
      await server.close(graceMs);
      await Promise.all([ingest.close(), webhooks.close(), debug.close()]);
    },
  };
}
