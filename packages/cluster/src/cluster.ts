import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError, type Clock, type Logger } from '@lateen/core';
import { resources, type Informer, type Secret } from '@lateen/kube';
import { createApiServer } from './api/index.ts';
import { startControllers } from './controllers/index.ts';
import { startDnsServer } from './dns/index.ts';
import { channelHostPorts } from './host/host-ports.ts';
import type { HostLink } from './host/host-link.ts';
import { channelOutsideWorld } from './host/outside-world.ts';
import { apiServerPort } from './host/address-block.ts';
import type { ClusterFacts, ClusterOptions } from './host/messages.ts';
import { startEgress } from './network/egress.ts';
import { createNodeNetwork } from './network/node-network.ts';
import { createNodeRuntime } from './runtime/node-runtime.ts';
import { startPublisher, startServiceNetwork, startSystemServices } from './services/index.ts';
import { sharedInformers } from './shared-informers.ts';

/** The addresses and names of every local cluster; its network namespace is its own. */
const layout = {
  nodeName: 'lateen',
  nodeAddress: '10.244.0.1',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  dnsPort: 53,
  clusterDomain: 'cluster.local',
} as const;

export interface ClusterParts {
  readonly link: HostLink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where system programs are found. */
  readonly path: string;
  /** True in a user namespace. */
  readonly rootless: boolean;
}

/** A cluster that runs. */
export interface Cluster {
  readonly facts: ClusterFacts;
  /** Ends pods within `graceMs`, then everything else; what was applied is kept. */
  close(graceMs: number): Promise<void>;
}

/** Builds the cluster inside the namespaces that this process was started in. */
export async function startCluster(options: ClusterOptions, parts: ClusterParts): Promise<Cluster> {
  const { link, clock, logger } = parts;
  const { dataDir } = options;
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const startedMs = clock.monotonicMs();
    link.progress({ step: name, state: 'started' });
    const result = await run();
    const tookMs = clock.monotonicMs() - startedMs;
    logger.info('started', { step: name, ms: Math.round(tookMs) });
    link.progress({ step: name, state: 'done', tookMs });
    return result;
  };

  const hostPorts = channelHostPorts(link, options.addressPrefix);
  const { nodeAddress: hostAddress, cidr } = hostPorts.addressBlock;
  const outside = channelOutsideWorld(link);
  const network = step('network', async () => createNodeNetwork(layout));
  network.catch(() => {});
  const api = await step('api-server', async () => {
    const server = await createApiServer({
      dataDir: join(dataDir, 'api'),
      clock,
      logger: logger.scope('api'),
      serviceCidr: layout.serviceCidr,
      clusterDomain: layout.clusterDomain,
      addresses: [layout.nodeAddress, hostAddress, 'localhost'],
    });
    const listened = await hostPorts.listen(hostAddress, apiServerPort);
    if (!listened.ok) {
      throw new LateenError('host.api-port', `${hostAddress}:${apiServerPort}: ${listened.reason}`, {
        hint: 'another program took the address; start again',
      });
    }
    server.serve(listened.server);
    await network;
    await server.listen(layout.nodeAddress, apiServerPort);
    return server;
  });

  const client = api.client();
  const informers = sharedInformers({ client, clock, logger });
  const own = { client, informers, clock, logger };
  const controllers = startControllers({ ...own, rootCaPem: api.caCertificate });
  const serviceNetwork = startServiceNetwork({ ...own, ...layout });
  const publisher = startPublisher({ ...own, hostPorts });
  const systemServices = startSystemServices({
    ...own,
    apiServer: { address: layout.nodeAddress, port: apiServerPort },
    dns: { address: layout.nodeAddress, port: layout.dnsPort },
  });
  const dns = await startDnsServer({
    informers,
    clock,
    logger,
    address: layout.nodeAddress,
    port: layout.dnsPort,
    clusterDomain: layout.clusterDomain,
    forward: (query) => outside.resolve(query),
  });
  const node = await step('node', () =>
    createNodeRuntime({
      ...layout,
      hostAddress,
      dataDir,
      installationDir: options.installationDir,
      allowHostPath: options.allowHostPath,
      path: parts.path,
      rootless: parts.rootless,
      client: api.client(`system:node:${layout.nodeName}`),
      pods: informers.pods,
      configMaps: informers.configMaps,
      secrets: informers.of(resources.secrets) as Informer<Secret>,
      services: informers.services,
      clock,
      logger,
    }),
  );
  api.connectNode(node.agent);
  const egress = await step('services', async () => {
    await serviceNetwork.ready;
    return startEgress({ ...layout, outside, logger });
  });

  const apiServerUrl = `https://${hostAddress}:${apiServerPort}`;
  const kubeconfig = join(dataDir, 'kubeconfig');
  writeFileSync(kubeconfig, api.kubeconfig(apiServerUrl), { mode: 0o600 });
  return {
    facts: { apiServerUrl, kubeconfig, addressBlock: cidr },
    async close(graceMs) {
      await Promise.all([publisher.close(), controllers.close()]);
      await node.close(graceMs);
      egress.close();
      await Promise.all([systemServices.close(), serviceNetwork.close(), dns.close()]);
      await informers.close();
      await api.close();
    },
  };
}
