import { ok, problems, type Problem, type Result } from '@lateen/core';
import { decode, type MessageType } from '@lateen/protocol';
import { Route, RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import type { Parts } from '../timer/in-slices.ts';
import { splitField } from './field-split.ts';

/** Number of `virtual_hosts` in RouteConfiguration. */
const virtualHostsField = 2;
/** Number of `routes` in VirtualHost. */
const routesField = 3;

/** A virtual host up to this size is decoded in a tenth of a millisecond: it is not worth being taken apart. */
const mostAtOnceBytes = 4_096;

/** The message of a route table from its bytes, virtual host by virtual host, and a large one route by route. */
export function* routeMessageParts(bytes: Uint8Array): Parts<Result<RouteConfiguration>> {
  const split = splitField(bytes, virtualHostsField);
  if (split === undefined) return decode(RouteConfiguration, bytes);
  const table = decode(RouteConfiguration, split.rest);
  if (!table.ok) return table;
  const virtualHosts = yield* each(split.values, 'virtual_hosts', virtualHostParts);
  if (!virtualHosts.ok) return virtualHosts;
  return ok(
    virtualHosts.value.length === 0 ? table.value : { ...table.value, virtualHosts: virtualHosts.value },
  );
}

function* virtualHostParts(bytes: Uint8Array): Parts<Result<VirtualHost>> {
  const split = bytes.length > mostAtOnceBytes ? splitField(bytes, routesField) : undefined;
  if (split === undefined) return yield* whole(VirtualHost, bytes);
  const host = decode(VirtualHost, split.rest);
  if (!host.ok) return host;
  const routes = yield* each(split.values, 'routes', (value) => whole(Route, value));
  if (!routes.ok) return routes;
  return ok(routes.value.length === 0 ? host.value : { ...host.value, routes: routes.value });
}

function* whole<T>(type: MessageType<T>, bytes: Uint8Array): Parts<Result<T>> {
  yield;
  return decode(type, bytes);
}

/** Decodes the values of a field, and says at which of them each problem is. */
function* each<T>(
  values: readonly Uint8Array[],
  field: string,
  parts: (value: Uint8Array) => Parts<Result<T>>,
): Parts<Result<T[]>> {
  const list: T[] = [];
  const bad: Problem[] = [];
  for (const [i, value] of values.entries()) {
    const one = yield* parts(value);
    if (one.ok) list.push(one.value);
    else {
      const at = `${field}[${i}]`;
      bad.push(
        ...one.problems.map((each) => ({ ...each, path: each.path === '' ? at : `${at}.${each.path}` })),
      );
    }
  }
  return bad.length > 0 ? problems(bad) : ok(list);
}
