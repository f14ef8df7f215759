import { formatProblem } from '@lateen/core';
import { decode } from '@lateen/protocol';
import { Runtime as RuntimeMessage } from '@lateen/protocol/envoy/service/runtime/v3';
import { valuesOfJson } from '../runtime/runtime-entry.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ResourceUpdate } from './subscription.ts';

/** Takes layers that come by RTDS; `layers` has the layer of each resource. Answers what is refused, and why. */
export function runtimeFeed(
  runtime: Runtime,
  layers: ReadonlyMap<string, { readonly layer: string }>,
): (update: ResourceUpdate) => ReadonlyMap<string, string> {
  return ({ changed, removed }) => {
    const refused = new Map<string, string>();
    for (const { name, bytes } of changed) {
      const layer = layers.get(name)?.layer;
      const message = decode(RuntimeMessage, bytes);
      if (layer === undefined) refused.set(name, 'no layer has this name');
      else if (message.ok) runtime.setLayer(layer, valuesOfJson(message.value.layer ?? {}));
      else {
        runtime.noteError();
        refused.set(name, message.problems.map(formatProblem).join('; '));
      }
    }
    for (const name of removed) {
      const layer = layers.get(name)?.layer;
      if (layer !== undefined) runtime.setLayer(layer, new Map());
    }
    return refused;
  };
}
