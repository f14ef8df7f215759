import type { JsonObject } from '@lateen/kube';
import { quantityValue } from '../schema/quantity.ts';
import { allContainers } from './pod-defaults.ts';
import { objectIn } from './default-fields.ts';

const counted = ['cpu', 'memory'] as const;

function amount(resources: JsonObject | undefined, kind: string, name: string): number {
  const value = objectIn(resources, kind)?.[name];
  return typeof value === 'string' ? quantityValue(value) : 0;
}

/** `Guaranteed` where every container asks for exactly what it may use, `BestEffort` where none asks, else `Burstable`. */
export function qosClassOf(spec: JsonObject | undefined): string {
  let guaranteed = true;
  let asked = false;
  for (const container of allContainers(spec)) {
    const resources = objectIn(container, 'resources');
    for (const name of counted) {
      const request = amount(resources, 'requests', name);
      const limit = amount(resources, 'limits', name);
      if (request > 0 || limit > 0) asked = true;
      if (limit <= 0 || request !== limit) guaranteed = false;
    }
  }
  if (!asked) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
