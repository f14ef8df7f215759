import { query, type View } from '../engine/query.ts';
import { nodes } from './tables.ts';
import type { Workload } from './workload.ts';

const localityOfNode = query('node.locality', (view, name: string) => view.row(nodes, name)?.locality ?? '');

/** Where something on a node is, as `region/zone/subzone`; empty where the node does not say it. */
export function nodeLocality(view: View, node: string | undefined): string {
  return node === undefined ? '' : view.get(localityOfNode, node);
}

/** Where a pod is: its label `istio-locality`, with dots or slashes, says it in place of its node. */
export function workloadLocality(view: View, workload: Workload): string {
  const label = workload.labels['istio-locality'];
  if (label === undefined || label === '') return nodeLocality(view, workload.node);
  return label.includes('/') ? label : label.replaceAll('.', '/');
}

/** The parts of `region/zone/subzone`; empty where they are not said. */
export function localityParts(locality: string): readonly [region: string, zone: string, subzone: string] {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  return [region, zone, subzone];
}

/** True where a locality is one that a rule means, as `region/*` or `region/zone/subzone`; what a rule leaves out is any. */
export function isLocality(locality: string, rule: string): boolean {
  const place = localityParts(locality);
  for (const [index, part] of rule.split('/').entries()) {
    if (part === '*') return true;
    if (part !== '' && part !== place[index]) return false;
  }
  return true;
}

/** The labels by which `failoverPriority` compares a client with endpoints: their own, and where they are. */
export function topologyLabels(
  labels: Readonly<Record<string, string>>,
  locality: string,
  network: string,
): Readonly<Record<string, string>> {
  const [region, zone, subzone] = localityParts(locality);
  return {
    ...labels,
    ...(region === '' ? {} : { 'topology.kubernetes.io/region': region }),
    ...(zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }),
    ...(subzone === '' ? {} : { 'topology.istio.io/subzone': subzone }),
    ...(network === '' ? {} : { 'topology.istio.io/network': network }),
  };
}
