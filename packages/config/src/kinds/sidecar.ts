import { choice, list, message, portNumber, text, type ShapeOf } from '../schema/shape.ts';
import { destination } from './destination.ts';
import { serverTls } from './gateway.ts';
import { workloadSelector } from './selectors.ts';
import { connectionPool } from './traffic-policy.ts';

const captureMode = choice('How traffic to the port is captured.', ['DEFAULT', 'IPTABLES', 'NONE']);

const sidecarPort = message('The port to listen on.', {
  number: portNumber('Number of the port.'),
  protocol: text('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.'),
  name: text('Name of the port.'),
});

export const sidecar = message('What the sidecars of some workloads see and accept.', {
  workloadSelector,
  ingress: list(
    'Ports for traffic to the workload.',
    message(
      'A port.',
      {
        port: sidecarPort,
        bind: text('Address to listen on.'),
        captureMode,
        defaultEndpoint: text('Where traffic is sent: 127.0.0.1:PORT, 0.0.0.0:PORT or unix:///PATH.'),
        tls: serverTls,
        connectionPool,
      },
      { required: ['port'] },
    ),
  ),
  egress: list(
    'Services that the workload may use.',
    message(
      'Some services.',
      {
        port: sidecarPort,
        bind: text('Address to listen on.'),
        captureMode,
        hosts: list('Services as namespace/host; ".", "~" and "*" stand for namespaces.', text('Host.')),
      },
      { required: ['hosts'] },
    ),
  ),
  outboundTrafficPolicy: message('What happens to traffic to unknown services.', {
    mode: choice('Whether it is let through.', ['REGISTRY_ONLY', 'ALLOW_ANY']),
    egressProxy: destination,
  }),
  inboundConnectionPool: connectionPool,
});
export type SidecarSpec = ShapeOf<typeof sidecar>;
