import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { LateenError, messageOf, type Clock, type Logger } from '@lateen/core';
import type { SharedInformers } from '../shared-informers.ts';
import { ClusterZone, type ZoneSource } from './cluster-zone.ts';
import { Responder, withinTime, type ForwardQuery } from './responder.ts';

export interface DnsServerOptions {
  readonly informers: Pick<SharedInformers, 'services' | 'endpointSlices' | 'namespaces'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The address to answer at. */
  readonly address: string;
  /** For UDP and TCP; 0 takes any. */
  readonly port: number;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** How long answers may be kept; default 5 s. */
  readonly ttlSeconds?: number;
  /** Asks the world outside; without it, names outside the cluster are answered with SERVFAIL. */
  readonly forward?: ForwardQuery;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** How long the world outside may take, and how long a TCP client may stay silent. */
const forwardTimeoutMs = 2_000;
const tcpIdleMs = 10_000;
const maxTcpConnections = 256;

/** Answers for the cluster's names over UDP and TCP. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { clock, forward } = options;
  const logger = options.logger.scope('dns');
  const zone = new ClusterZone({
    source: zoneSource(options.informers),
    domain: options.clusterDomain ?? 'cluster.local',
    ...(options.ttlSeconds === undefined ? {} : { ttlSeconds: options.ttlSeconds }),
  });
  const responder = new Responder({
    zone,
    logger,
    ...(forward === undefined
      ? {}
      : { forward: withinTime(forward, forwardTimeoutMs, (delayMs, run) => clock.after(delayMs, run)) }),
  });
  const tcp = createServer((socket) => serveTcp(socket, responder, logger));
  tcp.maxConnections = maxTcpConnections;
  const port = await listenTcp(tcp, options.address, options.port);
  const udp = await bindUdp(options.address, port);
  udp.on('message', (message, sender) => {
    void responder
      .respond(message, 'udp')
      .then((answer) => {
        if (answer !== undefined) udp.send(answer, sender.port, sender.address, () => {});
      })
      .catch((error: unknown) => logger.error('a query failed', { error: messageOf(error) }));
  });
  udp.on('error', (error) => logger.warn('the UDP socket failed', { error: error.message }));
  const sockets = new Set<Socket>();
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    port,
    async close() {
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => {
          tcp.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        }),
      ]);
    },
  };
}

/** Messages with their length in front (RFC 1035 4.2.2), any number on a connection, answered in order. */
function serveTcp(socket: Socket, responder: Responder, logger: Logger): void {
  let pending: Buffer = Buffer.alloc(0);
  let last: Promise<void> = Promise.resolve();
  socket.setTimeout(tcpIdleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const message = pending.subarray(2, end);
      pending = pending.subarray(end);
      last = last
        .then(() => responder.respond(message, 'tcp'))
        .then((answer) => {
          if (answer === undefined || socket.destroyed) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        })
        .catch((error: unknown) => {
          logger.error('a query failed', { error: messageOf(error) });
          socket.destroy();
        });
    }
  });
}

function listenTcp(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(address, port, cause)));
    server.listen(port, address, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

function bindUdp(address: string, port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (cause) => reject(cannotListen(address, port, cause)));
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function cannotListen(address: string, port: number, cause: Error): LateenError {
  return new LateenError('dns.listen', `cannot answer DNS at ${address}:${port}: ${cause.message}`, {
    cause,
  });
}

function zoneSource(informers: DnsServerOptions['informers']): ZoneSource {
  return {
    service: (namespace, name) => informers.services.get(namespace, name),
    services: () => informers.services.list(),
    slices: (key) => informers.endpointSlices.byIndex('service', key),
    allSlices: () => informers.endpointSlices.list(),
    hasNamespace: (name) => informers.namespaces.get(undefined, name) !== undefined,
  };
}
