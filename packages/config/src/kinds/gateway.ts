import {
  choice,
  flag,
  list,
  map,
  message,
  portNumber,
  replaced,
  text,
  type ShapeOf,
} from '../schema/shape.ts';

/** A port as gateways and sidecars listen on it. */
export const serverPort = message(
  'The port to listen on.',
  {
    number: portNumber('Number of the port.'),
    protocol: text('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS.', { minLength: 1 }),
    name: text('Name of the port.', { minLength: 1 }),
    targetPort: replaced(portNumber('Port of the workload.'), 'the Service’s targetPort'),
  },
  { required: ['number', 'protocol', 'name'] },
);

const tlsVersions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

export const serverTls = message('TLS of the port.', {
  httpsRedirect: flag('Whether plain requests are answered with a redirect to https.'),
  mode: choice('How TLS is used.', [
    'PASSTHROUGH',
    'SIMPLE',
    'MUTUAL',
    'AUTO_PASSTHROUGH',
    'ISTIO_MUTUAL',
    'OPTIONAL_MUTUAL',
  ]),
  serverCertificate: text('File of the server’s certificate.'),
  privateKey: text('File of its private key.'),
  caCertificates: text('File of the CA certificates that clients are verified with.'),
  caCrl: text('File of the certificate revocation list.'),
  credentialName: text('Secret with key, certificate and CA certificates.'),
  subjectAltNames: list('Names of which the client’s certificate must have one.', text('Name.')),
  verifyCertificateSpki: list('Hashes of the public keys that are accepted.', text('Base64 SHA-256.')),
  verifyCertificateHash: list('Hashes of the certificates that are accepted.', text('Hex SHA-256.')),
  minProtocolVersion: choice('Lowest version of TLS.', tlsVersions),
  maxProtocolVersion: choice('Highest version of TLS.', tlsVersions),
  cipherSuites: list('Cipher suites, by their OpenSSL names.', text('Cipher suite.')),
});
export type ServerTls = ShapeOf<typeof serverTls>;

export const gatewayServer = message(
  'A port with the hosts that are served on it.',
  {
    port: serverPort,
    bind: text('Address or Unix socket to listen on; all addresses where left out.'),
    hosts: list('Hosts, with an optional namespace before a slash; wildcards allowed.', text('Host.'), {
      minItems: 1,
    }),
    tls: serverTls,
    name: text('Name of the server, unique in the gateway.'),
    defaultEndpoint: text('Endpoint for traffic of the port by default.'),
  },
  { required: ['port', 'hosts'] },
);
export type GatewayServer = ShapeOf<typeof gatewayServer>;

export const gateway = message('What proxies at the edge of the mesh listen on.', {
  servers: list('Ports and hosts.', gatewayServer),
  selector: map('Labels of the pods that are the gateway.', text('Value.')),
});
export type GatewaySpec = ShapeOf<typeof gateway>;
