import { choice, list, message, portNumber, text, type ShapeOf } from '../schema/shape.ts';
import { exportTo, workloadSelector } from './selectors.ts';
import { workloadEntry } from './workload-entry.ts';

export const servicePort = message(
  'A port of the service.',
  {
    number: portNumber('Number of the port.'),
    protocol: text('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.'),
    name: text('Name of the port.', { minLength: 1 }),
    targetPort: portNumber('Port of the endpoints; the same number where left out.'),
  },
  { required: ['number', 'name'] },
);

export const serviceEntry = message(
  'A service that the platform does not know of.',
  {
    hosts: list('Hosts of the service, wildcards allowed.', text('Host.'), { minItems: 1 }),
    addresses: list('Virtual addresses or CIDR blocks of the service.', text('Address.')),
    ports: list('Ports of the service.', servicePort),
    location: choice('Whether the service is part of the mesh.', ['MESH_EXTERNAL', 'MESH_INTERNAL']),
    resolution: choice('How endpoints are found.', ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN']),
    endpoints: list('Endpoints of the service.', workloadEntry),
    workloadSelector,
    exportTo,
    subjectAltNames: list('Names that the servers’ certificates must have.', text('Name.')),
  },
  { required: ['hosts'] },
);
export type ServiceEntrySpec = ShapeOf<typeof serviceEntry>;
