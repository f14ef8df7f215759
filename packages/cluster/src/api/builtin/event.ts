import type { KubeObject } from '@lateen/kube';

/** `events.k8s.io/v1` has other names for the same facts. */
const names: readonly (readonly [string, string])[] = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedCount', 'count'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedSource', 'source'],
];

function renamed(object: KubeObject, from: 0 | 1): KubeObject {
  const result: KubeObject = { ...object };
  for (const pair of names) {
    const value = object[pair[from]];
    if (value === undefined) continue;
    delete result[pair[from]];
    result[pair[1 - from] ?? ''] = value;
  }
  return result;
}

export function eventFromNew(object: KubeObject): KubeObject {
  return renamed(object, 0);
}

export function eventToNew(object: KubeObject): KubeObject {
  return renamed(object, 1);
}
