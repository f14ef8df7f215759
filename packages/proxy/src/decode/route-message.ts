import { ok, problems, type Problem, type Result } from '@lateen/core';
import { decode } from '@lateen/protocol';
import { RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import type { Parts } from '../timer/in-slices.ts';
import { splitField } from './field-split.ts';

/** Number of `virtual_hosts` in RouteConfiguration. */
const virtualHostsField = 2;

/** The message of a route table from its bytes, virtual host by virtual host. */
export function* routeMessageParts(bytes: Uint8Array): Parts<Result<RouteConfiguration>> {
  const split = splitField(bytes, virtualHostsField);
  if (split === undefined) return decode(RouteConfiguration, bytes);
  const table = decode(RouteConfiguration, split.rest);
  if (!table.ok) return table;
  const virtualHosts: VirtualHost[] = [];
  const bad: Problem[] = [];
  for (const [i, value] of split.values.entries()) {
    yield;
    const host = decode(VirtualHost, value);
    if (host.ok) virtualHosts.push(host.value);
    else {
      const at = `virtualHosts[${i}]`;
      bad.push(...host.problems.map((one) => ({ ...one, path: one.path === '' ? at : `${at}.${one.path}` })));
    }
  }
  if (bad.length > 0) return problems(bad);
  return ok(virtualHosts.length === 0 ? table.value : { ...table.value, virtualHosts });
}
