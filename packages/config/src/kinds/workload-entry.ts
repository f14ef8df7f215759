import { map, message, portNumber, text, whole, type ShapeOf } from '../schema/shape.ts';

/** A workload by its address: an endpoint of a ServiceEntry, or a WorkloadEntry. */
export const workloadEntry = message('A workload by its address.', {
  address: text('IP address, host name (resolution DNS) or unix:/// path.'),
  ports: map('Ports of the workload by the names of the service’s ports.', portNumber('Port.')),
  labels: map('Labels of the workload.', text('Value.')),
  network: text('Network that the workload is in.'),
  locality: text('Locality: region/zone/subzone.'),
  weight: whole('Share of the traffic, in proportion to the others.'),
  serviceAccount: text('Service account of the workload, its identity.'),
});
export type WorkloadEntrySpec = ShapeOf<typeof workloadEntry>;
