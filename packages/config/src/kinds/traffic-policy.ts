import {
  choice,
  decimal,
  duration,
  flag,
  list,
  map,
  message,
  portNumber,
  replaced,
  text,
  whole,
  type ShapeOf,
} from '../schema/shape.ts';
import { portSelector } from './selectors.ts';

const ringSize = whole('Least number of places in the ring; 1024 where left out.', 0, 8_388_608);

export const consistentHash = message(
  'Sends the same client to the same endpoint.',
  {
    httpHeaderName: text('Hash this header.'),
    httpCookie: message(
      'Hash this cookie; it is set where it is missing and has a lifetime.',
      {
        name: text('Name of the cookie.', { minLength: 1 }),
        path: text('Path of the cookie.'),
        ttl: duration('Lifetime of the cookie; 0s makes a session cookie.'),
      },
      { required: ['name'] },
    ),
    useSourceIp: flag('Hash the address of the client.'),
    httpQueryParameterName: text('Hash this query parameter.'),
    ringHash: message('Hash by a ring.', { minimumRingSize: ringSize }),
    maglev: message('Hash by a Maglev table.', {
      tableSize: whole('Size of the table, a prime; 65537 where left out.', 0, 5_000_011),
    }),
    minimumRingSize: replaced(ringSize, 'ringHash.minimumRingSize'),
  },
  {
    oneOf: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
  },
);

export const localityLoadBalancer = message('How localities are preferred.', {
  enabled: flag('Whether localities matter; true where left out.'),
  distribute: list(
    'Shares of the localities for requests from a locality.',
    message('Shares for one origin.', {
      from: text('Locality of the caller: region/zone/subzone, wildcards allowed.'),
      to: map('Localities and their shares, which add up to 100.', whole('Share in percent.', 0, 100)),
    }),
  ),
  failover: list(
    'Where requests go when a region has no healthy endpoints.',
    message('One region.', { from: text('Region that fails.'), to: text('Region that takes over.') }),
  ),
  failoverPriority: list('Labels by which endpoints near the caller come first.', text('Label.')),
});

export type LocalityLoadBalancer = ShapeOf<typeof localityLoadBalancer>;

export const loadBalancer = message(
  'How endpoints are chosen.',
  {
    simple: choice('A standard way; LEAST_REQUEST where left out.', [
      'UNSPECIFIED',
      'LEAST_CONN',
      'RANDOM',
      'PASSTHROUGH',
      'ROUND_ROBIN',
      'LEAST_REQUEST',
    ]),
    consistentHash,
    localityLbSetting: localityLoadBalancer,
    warmupDurationSecs: replaced(
      duration('How long a new endpoint gets less than its share.'),
      'warmup.duration',
    ),
    warmup: message(
      'How a new endpoint comes to its full share.',
      {
        duration: duration('How long it takes.'),
        minimumPercent: decimal('Share at the start, in percent; 10 where left out.', 0, 100),
        aggression: decimal('Form of the curve; 1 is a line.', 1),
      },
      { required: ['duration'] },
    ),
  },
  {
    oneOf: [
      ['simple', 'consistentHash'],
      ['warmup', 'warmupDurationSecs'],
    ],
  },
);
export type LoadBalancer = ShapeOf<typeof loadBalancer>;

const limit = (description: string) => whole(description, 0, 2_147_483_647);

export const connectionPool = message('Limits of the connections to the service.', {
  tcp: message('Limits of all connections.', {
    maxConnections: limit('Most connections to all endpoints together.'),
    connectTimeout: duration('Time limit to connect; 10s where left out.'),
    tcpKeepalive: message('TCP keep-alive.', {
      probes: whole('Probes without an answer until the connection is dead.'),
      time: duration('Idle time before the first probe.'),
      interval: duration('Time between probes.'),
    }),
    maxConnectionDuration: duration('Longest life of a connection.'),
    idleTimeout: duration('Time without traffic after which a TCP connection is closed; 1h where left out.'),
  }),
  http: message('Limits of HTTP.', {
    http1MaxPendingRequests: limit('Most requests that wait for a connection.'),
    http2MaxRequests: limit('Most requests at a time.'),
    maxRequestsPerConnection: limit('Requests after which a connection is closed; 0 means no limit.'),
    maxRetries: limit('Most retries at a time.'),
    idleTimeout: duration('Time without requests after which a connection is closed; 1h where left out.'),
    h2UpgradePolicy: choice('Whether HTTP/1.1 is carried over HTTP/2.', [
      'DEFAULT',
      'DO_NOT_UPGRADE',
      'UPGRADE',
    ]),
    useClientProtocol: flag('Whether the protocol of the client is kept.'),
    maxConcurrentStreams: limit('Most streams of an HTTP/2 connection.'),
  }),
});
export type ConnectionPool = ShapeOf<typeof connectionPool>;

export const outlierDetection = message('When an endpoint that fails is left alone for a time.', {
  consecutive5xxErrors: whole('Answers 5xx in a row until ejection; 5 where left out, 0 switches it off.'),
  consecutiveGatewayErrors: whole('Answers 502, 503, 504 in a row until ejection; 0 switches it off.'),
  consecutiveErrors: replaced(
    whole('Answers 502, 503, 504 in a row until ejection.'),
    'consecutiveGatewayErrors',
  ),
  splitExternalLocalOriginErrors: flag('Whether errors of the connection itself are counted apart.'),
  consecutiveLocalOriginFailures: whole('Errors of the connection in a row until ejection.'),
  interval: duration('Time between sweeps; 10s where left out.'),
  baseEjectionTime: duration('Ejection time, times the number of ejections; 30s where left out.'),
  maxEjectionPercent: whole('Most endpoints ejected at a time, in percent; 10 where left out.', 0, 100),
  minHealthPercent: whole('Healthy share below which detection is off, in percent.', 0, 100),
});
export type OutlierDetection = ShapeOf<typeof outlierDetection>;

export const clientTls = message('TLS towards the service.', {
  mode: choice('How TLS is used.', ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
  clientCertificate: text('File of the certificate to present; with mode MUTUAL.'),
  privateKey: text('File of its private key; with mode MUTUAL.'),
  caCertificates: text('File of the CA certificates that the server is verified with.'),
  credentialName: text('Secret with key, certificate and CA certificates; at gateways.'),
  subjectAltNames: list('Names of which the server’s certificate must have one.', text('Name.')),
  sni: text('Server name to ask for.'),
  insecureSkipVerify: flag('Whether the server’s certificate is not verified.'),
  caCrl: text('File of the certificate revocation list.'),
});
export type ClientTls = ShapeOf<typeof clientTls>;

export const portTrafficPolicy = message('Settings of one port, in place of the others.', {
  port: portSelector,
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls: clientTls,
});

export const trafficPolicy = message('How traffic to the service is handled.', {
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls: clientTls,
  portLevelSettings: list('Settings of single ports.', portTrafficPolicy),
  tunnel: message(
    'Carries TCP through a tunnel of another proxy.',
    {
      protocol: text('CONNECT or POST; CONNECT where left out.'),
      targetHost: text('Host behind the tunnel.', { minLength: 1 }),
      targetPort: portNumber('Port behind the tunnel.'),
    },
    { required: ['targetHost', 'targetPort'] },
  ),
  proxyProtocol: message('Sends a PROXY protocol header.', {
    version: choice('Version of the header.', ['V1', 'V2']),
  }),
});
export type TrafficPolicy = ShapeOf<typeof trafficPolicy>;
