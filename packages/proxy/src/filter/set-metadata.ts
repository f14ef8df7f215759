import type { JsonValue } from '../model/metadata.ts';
import type { MetadataToSet } from '../model/http-filter.ts';
import { CounterGroup } from '../telemetry/counter-group.ts';
import type { FilterServices } from './filter-services.ts';
import { addMetadata } from './dynamic-metadata.ts';
import type { CompiledHttpFilter } from './http-filter.ts';

type Values = { readonly [key: string]: JsonValue };

function isObject(value: JsonValue | undefined): value is Values {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** As Envoy joins metadata: objects one into the other, lists one after the other, and what is neither is replaced. */
export function joinValues(before: Values, added: Values): Values {
  const joined: Record<string, JsonValue> = { ...before };
  for (const [key, value] of Object.entries(added)) {
    const old = before[key];
    if (isObject(old) && isObject(value)) joined[key] = joinValues(old, value);
    else if (Array.isArray(old) && Array.isArray(value)) joined[key] = [...old, ...value];
    else joined[key] = value;
  }
  return joined;
}

/** Says something of each request to the filters and logs that come after (Envoy, set metadata filter). */
export function setMetadataFilter(
  name: string,
  entries: readonly MetadataToSet[],
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const prefix = `http.${statPrefix}.set_metadata.`;
  const { n } = services.statGroup(
    prefix,
    () =>
      new CounterGroup(prefix, 'envoy_http_set_metadata_', { http_conn_manager_prefix: statPrefix }, [
        'overwrite_denied',
      ]),
  );
  return {
    name,
    onRequest(exchange) {
      for (const { namespace, value, overwrite } of entries) {
        const before = exchange.dynamicMetadata?.[namespace];
        if (before === undefined) addMetadata(exchange, namespace, value);
        else if (overwrite) addMetadata(exchange, namespace, joinValues(before, value));
        else n.overwrite_denied++;
      }
      return 'continue';
    },
  };
}
