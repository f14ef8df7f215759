import { mkdirSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock, Logger } from '@lateen/core';
import type { KubeClient } from '@lateen/kube';
import type { NodeAgent } from '../runtime/node-agent.ts';
import { builtinTypes } from './builtin/types.ts';
import { localClient } from './local/local-client.ts';
import { ObjectStore } from './registry/object-store.ts';
import { ResourceReader } from './registry/resource-reader.ts';
import { ResourceService } from './registry/resource-service.ts';
import { ResourceWriter } from './registry/resource-writer.ts';
import { TypeRegistry } from './registry/type-registry.ts';
import { failure } from './status.ts';
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

/** Starts an API server on its data directory; it listens where it is told to afterwards. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const store = new SqliteStore({ file: join(options.dataDir, 'state.db') });
  const objects = new ObjectStore(store);
  const types = new TypeRegistry(builtinTypes());
  const reader = new ResourceReader(objects);
  const writer = new ResourceWriter({ objects, clock: options.clock, admission: [] });
  const service = new ResourceService(types, reader, writer);
  const unavailable = (): never => {
    throw failure(503, 'ServiceUnavailable', 'the API server does not serve HTTP yet');
  };
  return {
    caCertificate: '',
    client: (userName = 'system:apiserver', groups = ['system:masters', 'system:authenticated']) =>
      localClient({ service, user: { name: userName, groups }, handle: async () => unavailable() }),
    handleConnection: unavailable,
    serve: unavailable,
    listen: unavailable,
    connectNode: () => {},
    kubeconfig: unavailable,
    close: () => store.close(),
  };
}
