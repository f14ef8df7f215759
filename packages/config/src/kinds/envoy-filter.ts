import {
  anyObject,
  choice,
  list,
  map,
  message,
  portNumber,
  text,
  whole,
  type ShapeOf,
} from '../schema/shape.ts';
import { targetRefs, workloadSelector } from './selectors.ts';

export const envoyFilterMatch = message(
  'Which of the generated resources are changed.',
  {
    context: choice('Which proxies and direction.', [
      'ANY',
      'SIDECAR_INBOUND',
      'SIDECAR_OUTBOUND',
      'GATEWAY',
    ]),
    proxy: message('Properties of the proxy.', {
      proxyVersion: text('Expression that the proxy’s Istio version matches.'),
      metadata: map('Node metadata.', text('Value.')),
    }),
    listener: message('A listener.', {
      portNumber: portNumber('Port of the listener.'),
      portName: text('Not used.'),
      name: text('Name of the listener.'),
      listenerFilter: text('Name of a listener filter.'),
      filterChain: message('A filter chain of the listener.', {
        name: text('Name of the chain.'),
        sni: text('Server name of the chain.'),
        transportProtocol: text('Transport protocol of the chain.'),
        applicationProtocols: text('Application protocols of the chain.'),
        destinationPort: portNumber('Destination port of the chain.'),
        filter: message('A network filter of the chain.', {
          name: text('Name of the filter.'),
          subFilter: message('A filter inside the filter.', { name: text('Name.') }),
        }),
      }),
    }),
    routeConfiguration: message('A route configuration.', {
      portNumber: portNumber('Port.'),
      portName: text('Name of the gateway’s port.'),
      gateway: text('Gateway as namespace/name.'),
      name: text('Name of the route configuration.'),
      vhost: message('A virtual host.', {
        name: text('Name of the virtual host.'),
        domainName: text('One of its domains.'),
        route: message('A route.', {
          name: text('Name of the route.'),
          action: choice('What the route does.', ['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']),
        }),
      }),
    }),
    cluster: message('A cluster.', {
      portNumber: portNumber('Port of the service.'),
      service: text('Full host of the service.'),
      subset: text('Subset.'),
      name: text('Name of the cluster.'),
    }),
  },
  { oneOf: [['listener', 'routeConfiguration', 'cluster']] },
);

export const envoyFilter = message('Changes of the configuration that is generated for Envoy.', {
  workloadSelector,
  targetRefs,
  priority: whole('Order among filters; lower comes first.', -2_147_483_648, 2_147_483_647),
  configPatches: list(
    'Changes, in order.',
    message('A change.', {
      applyTo: choice('What is changed.', [
        'INVALID',
        'LISTENER',
        'FILTER_CHAIN',
        'NETWORK_FILTER',
        'HTTP_FILTER',
        'ROUTE_CONFIGURATION',
        'VIRTUAL_HOST',
        'HTTP_ROUTE',
        'CLUSTER',
        'EXTENSION_CONFIG',
        'BOOTSTRAP',
        'LISTENER_FILTER',
      ]),
      match: envoyFilterMatch,
      patch: message('The change itself.', {
        operation: choice('What is done.', [
          'INVALID',
          'MERGE',
          'ADD',
          'REMOVE',
          'INSERT_BEFORE',
          'INSERT_AFTER',
          'INSERT_FIRST',
          'REPLACE',
        ]),
        value: anyObject('Envoy’s JSON of the resource or a part of it.'),
        filterClass: choice('Where a filter is added.', ['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
      }),
    }),
  ),
});
export type EnvoyFilterSpec = ShapeOf<typeof envoyFilter>;
