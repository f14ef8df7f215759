import type { LocalityLoadBalancer } from '@lateen/config';
import type { Endpoint } from '../../model/endpoints.ts';
import type { Labels } from '../../model/labels.ts';
import { isLocality, localityParts, topologyLabels } from '../../model/locality.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import type { ClientPlace } from '../../model/scope.ts';
import type { PortPolicy } from '../cluster/traffic-policy.ts';

/** Which localities a client prefers, and where it is. */
export interface LocalityPreference {
  readonly client: ClientPlace;
  readonly setting: LocalityLoadBalancer;
}

/**
 * The preference of a client among a cluster's localities; undefined where all are the same to it.
 *
 * A DestinationRule's setting stands in place of the mesh's. Without outlier detection no endpoint would
 * ever be given up, so that only `distribute` works there (Istio, "LocalityLoadBalancerSetting").
 */
export function preferenceOf(
  policy: Pick<PortPolicy, 'loadBalancer' | 'outlierDetection'>,
  mesh: MeshSettings,
  client: ClientPlace | undefined,
): LocalityPreference | undefined {
  const setting = policy.loadBalancer?.localityLbSetting ?? mesh.localityLoadBalancer;
  if (client === undefined || setting.enabled === false) return undefined;
  const distributes = (setting.distribute ?? []).length > 0;
  return distributes || policy.outlierDetection !== undefined ? { client, setting } : undefined;
}

/** Endpoints of one locality that are used at one time. */
export interface EndpointGroup {
  readonly locality: string;
  /** 0 is used first, the next where too few of it are healthy. */
  readonly priority: number;
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

/** Groups endpoints by locality and, where the client prefers some, by priority; in the order of both. */
export function groupEndpoints(
  endpoints: readonly Endpoint[],
  preference: LocalityPreference | undefined,
): EndpointGroup[] {
  const rankOf = ranking(preference);
  const byRank = new Map<number, Map<string, Endpoint[]>>();
  for (const endpoint of endpoints) {
    const rank = rankOf(endpoint);
    const byLocality = byRank.get(rank) ?? new Map<string, Endpoint[]>();
    byRank.set(rank, byLocality);
    byLocality.set(endpoint.locality, [...(byLocality.get(endpoint.locality) ?? []), endpoint]);
  }
  const groups = [...byRank.keys()]
    .sort((a, b) => a - b)
    .flatMap((rank, priority) => {
      const byLocality = byRank.get(rank) ?? new Map<string, Endpoint[]>();
      return [...byLocality.keys()].sort().map((locality): EndpointGroup => {
        const group = byLocality.get(locality) ?? [];
        return { locality, priority, weight: weightOf(group), endpoints: group };
      });
    });
  return preference === undefined ? groups : distributed(groups, preference);
}

function weightOf(endpoints: readonly Endpoint[]): number {
  return endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0);
}

/** How far an endpoint comes after others for a client; only the order counts. */
function ranking(preference: LocalityPreference | undefined): (endpoint: Endpoint) => number {
  if (preference === undefined) return () => 0;
  const { client, setting } = preference;
  if ((setting.distribute ?? []).length > 0) return () => 0;
  const { failover = [], failoverPriority: labels = [] } = setting;
  const distance = (endpoint: Endpoint): number => distanceOf(client.locality, endpoint.locality, failover);
  if (labels.length === 0) return distance;
  const mismatch = labelMismatch(client, labels);
  // Within those that are equal by their labels, localities count only where a rule speaks of them.
  return failover.length === 0
    ? mismatch
    : (endpoint) => mismatch(endpoint) * (farthest + 1) + distance(endpoint);
}

const farthest = 4;

/** 0 for the same subzone, 1 for the same zone, 2 for the same region, 3 for another, 4 for one that is not to take over. */
function distanceOf(
  client: string,
  endpoint: string,
  failover: NonNullable<LocalityLoadBalancer['failover']>,
): number {
  const own = localityParts(client);
  const other = localityParts(endpoint);
  const differs = own.findIndex((part, index) => part !== other[index]);
  if (differs === -1) return 0;
  if (differs > 0) return 3 - differs;
  const rule = failover.find(({ from }) => from === own[0]);
  return rule === undefined || rule.to === other[0] ? 3 : farthest;
}

/** How many of the labels, from the last, come after the first in which an endpoint differs. */
function labelMismatch(client: ClientPlace, names: readonly string[]): (endpoint: Endpoint) => number {
  const own = topologyLabels(client.labels, client.locality, client.network);
  const wanted = names.map((text): readonly [string, string | undefined] => {
    const equals = text.indexOf('=');
    return equals < 0 ? [text, own[text]] : [text.slice(0, equals), text.slice(equals + 1)];
  });
  return (endpoint) => {
    const labels: Labels = topologyLabels(endpoint.labels, endpoint.locality, endpoint.network);
    const differs = wanted.findIndex(([name, value]) => labels[name] !== value);
    return differs === -1 ? 0 : wanted.length - differs;
  };
}

/** Gives localities the shares that the first fitting rule names; those that it does not name get nothing. */
function distributed(groups: EndpointGroup[], { client, setting }: LocalityPreference): EndpointGroup[] {
  const rule = (setting.distribute ?? []).find(({ from = '' }) => isLocality(client.locality, from));
  if (rule === undefined) return groups;
  const left = new Set(groups);
  const shared: EndpointGroup[] = [];
  for (const [place, share] of Object.entries(rule.to ?? {})) {
    const meant = [...left].filter(({ locality }) => isLocality(locality, place));
    const sum = meant.reduce((total, { weight }) => total + weight, 0);
    for (const group of meant) {
      left.delete(group);
      shared.push({ ...group, weight: Math.ceil((group.weight * share) / sum) });
    }
  }
  return shared.sort((a, b) => (a.locality < b.locality ? -1 : 1));
}
