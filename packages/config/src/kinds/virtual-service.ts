import { list, map, message, portNumber, text, type ShapeOf } from '../schema/shape.ts';
import { routeDestination } from './destination.ts';
import { httpRoute } from './http-route.ts';
import { exportTo } from './selectors.ts';

const sourceLabels = map('Labels of the workload that opens the connection.', text('Value.'));
const gateways = list('Gateways that the condition holds for.', text('Gateway.'));
const destinationSubnets = list('Addresses or CIDR blocks of the destination.', text('Address.'));

export const tlsMatch = message(
  'Conditions of a TLS connection; all of them must hold.',
  {
    sniHosts: list('Server names, wildcards allowed; each must be covered by the hosts.', text('Host.'), {
      minItems: 1,
    }),
    destinationSubnets,
    port: portNumber('Port that the connection was opened to.'),
    sourceLabels,
    gateways,
    sourceNamespace: text('Namespace of the workload that opens the connection.'),
  },
  { required: ['sniHosts'] },
);

export const tlsRoute = message(
  'A rule for TLS connections that are passed through.',
  {
    match: list('Conditions, of which one must hold.', tlsMatch, { minItems: 1 }),
    route: list('Destinations and their shares.', routeDestination),
  },
  { required: ['match'] },
);
export type TlsRoute = ShapeOf<typeof tlsRoute>;

export const tcpMatch = message('Conditions of a connection; all of them must hold.', {
  destinationSubnets,
  port: portNumber('Port that the connection was opened to.'),
  sourceSubnet: text('Not supported.'),
  sourceLabels,
  gateways,
  sourceNamespace: text('Namespace of the workload that opens the connection.'),
});

export const tcpRoute = message('A rule for connections of any other protocol.', {
  match: list('Conditions, of which one must hold; none matches all.', tcpMatch),
  route: list('Destinations and their shares.', routeDestination),
});
export type TcpRoute = ShapeOf<typeof tcpRoute>;

export const virtualService = message('How requests to some hosts are routed.', {
  hosts: list('Hosts that the rules are for, wildcards allowed.', text('Host.')),
  gateways: list(
    'Gateways that apply the rules; "mesh" means all sidecars and is the default.',
    text('Gateway.'),
  ),
  http: list('Rules for HTTP, in order.', httpRoute),
  tls: list('Rules for TLS that is passed through, in order.', tlsRoute),
  tcp: list('Rules for other connections, in order.', tcpRoute),
  exportTo,
});
export type VirtualServiceSpec = ShapeOf<typeof virtualService>;
