import type { Problem } from '@lateen/core';
import { formatAddress, type Address, type Listener } from '../model/index.ts';
import type { ProxyBootstrap } from './bootstrap.ts';

/** Names and addresses that static resources have in common, of which the second is wrong (Envoy: "duplicate cluster"). */
export function repeatedStatics({
  listeners,
  clusters,
  secrets,
}: Pick<ProxyBootstrap, 'listeners' | 'clusters' | 'secrets'>): readonly Problem[] {
  const names: Readonly<Record<string, readonly string[]>> = {
    listeners: listeners.map(({ model }) => model.name),
    clusters: clusters.map(({ model }) => model.name),
    secrets: secrets.map(({ name }) => name),
  };
  const repeated = Object.entries(names).flatMap(([kind, list]) =>
    list.flatMap((name, i) => {
      const first = list.indexOf(name);
      // Envoy makes up a name for each listener that has none.
      if (name === '' || first === i) return [];
      const message = `"${name}" is the name of ${kind}[${first}] already`;
      return [{ path: `static_resources.${kind}[${i}].name`, message }];
    }),
  );
  return [...repeated, ...sharedAddresses(listeners.map(({ model }) => model))];
}

function sharedAddresses(listeners: readonly Listener[]): readonly Problem[] {
  const owners = new Map<string, number>();
  const wrong: Problem[] = [];
  for (const [i, listener] of listeners.entries()) {
    if (!listener.bindToPort) continue;
    for (const address of [listener.address, ...listener.additionalAddresses].filter(isFixed)) {
      const key = formatAddress(address);
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, i);
      else
        wrong.push({
          path: `static_resources.listeners[${i}].address`,
          message: `${key} is an address of listeners[${owner}] already`,
        });
    }
  }
  return wrong;
}

/** Port 0 is another one each time. */
function isFixed(address: Address): boolean {
  return address.kind === 'pipe' || address.port !== 0;
}
