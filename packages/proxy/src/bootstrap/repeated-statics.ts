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
    repeatedNames(list).map(({ name, at, first }) => ({
      path: `static_resources.${kind}[${at}].name`,
      message: `"${name}" is the name of ${kind}[${first}] already`,
    })),
  );
  return [...repeated, ...sharedAddresses(listeners.map(({ model }) => model))];
}

/** Where names are that were there before, and where first. */
function repeatedNames(
  list: readonly string[],
): readonly { readonly name: string; readonly at: number; readonly first: number }[] {
  const places = new Map<string, number>();
  return list.flatMap((name, at) => {
    const first = places.get(name);
    if (first === undefined) places.set(name, at);
    // Envoy makes up a name for each listener that has none.
    return name === '' || first === undefined ? [] : [{ name, at, first }];
  });
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
