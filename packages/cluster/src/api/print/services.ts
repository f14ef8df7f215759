import type { EndpointSlice, Endpoints, KubeObject, Service } from '@lateen/kube';
import { ageOf } from './age.ts';
import { column, labelsText, listText, wideColumn } from './column.ts';
import { ageColumn, nameColumn } from './name-and-age.ts';
import type { Cell, TableLayout } from './table-layout.ts';

function externalAddress(service: Service): string {
  const { spec, status } = service;
  const external = spec['externalIPs'] ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '<none>';
    case 'LoadBalancer': {
      const assigned = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
      const all = [...assigned, ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    default:
      return listText(external);
  }
}

function portsText(service: Service): string {
  return listText(
    (service.spec.ports ?? []).map(({ port, nodePort, protocol = 'TCP' }) =>
      nodePort === undefined || nodePort === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
    ),
  );
}

export const serviceTable: TableLayout = {
  columns: [
    nameColumn,
    column('Type', 'How the service is reached.'),
    column('Cluster-IP', 'Its address in the cluster.'),
    column('External-IP', 'Its addresses from outside.'),
    column('Port(s)', 'Its ports.'),
    ageColumn,
    wideColumn('Selector', 'Labels of its pods.'),
  ],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const service = object as Service;
    const { spec } = service;
    return [
      service.metadata.name,
      spec.type ?? 'ClusterIP',
      spec.clusterIP === undefined || spec.clusterIP === '' ? '<none>' : spec.clusterIP,
      externalAddress(service),
      portsText(service),
      ageOf(service, nowMs),
      labelsText(spec.selector),
    ];
  },
};

/** At most three, and how many there are beyond. */
function some(items: readonly string[]): string {
  if (items.length === 0) return '<none>';
  const shown = items.slice(0, 3).join(',');
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}

export const endpointsTable: TableLayout = {
  columns: [nameColumn, column('Endpoints', 'Addresses and ports that take traffic.'), ageColumn],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const { metadata, subsets } = object as Endpoints;
    const all = (subsets ?? []).flatMap(({ addresses = [], ports }) =>
      addresses.flatMap(({ ip }) => (ports === undefined ? [ip] : ports.map(({ port }) => `${ip}:${port}`))),
    );
    return [metadata.name, some(all), ageOf(object, nowMs)];
  },
};

export const endpointSliceTable: TableLayout = {
  columns: [
    nameColumn,
    column('AddressType', 'Type of the addresses.'),
    column('Ports', 'Ports that they answer at.'),
    column('Endpoints', 'The addresses.'),
    ageColumn,
  ],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const { metadata, addressType, ports, endpoints } = object as EndpointSlice;
    return [
      metadata.name,
      addressType,
      some((ports ?? []).map(({ port }) => String(port ?? '*'))).replace('<none>', '<unset>'),
      some((endpoints ?? []).flatMap(({ addresses }) => addresses)).replace('<none>', '<unset>'),
      ageOf(object, nowMs),
    ];
  },
};
