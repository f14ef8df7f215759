import { metadataValue } from '../decide/metadata-value.ts';
import type { Metadata } from '../model/metadata.ts';
import type { Operator } from './format-operator.ts';
import type { StreamInfo } from './stream-info.ts';

type MetadataOf = (info: StreamInfo) => Metadata | undefined;

const sources: Readonly<Record<string, MetadataOf>> = {
  DYNAMIC: (info) => info.dynamicMetadata,
  CLUSTER: (info) => info.upstreamModel?.metadata,
  ROUTE: (info) => info.routeMetadata,
  UPSTREAM_HOST: (info) => info.endpoint?.endpoint.metadata,
};

/** A value below a namespace by its keys; whatever is no text is written as JSON. */
function valueReader(source: MetadataOf, argument: string): Operator {
  const [namespace = '', ...keys] = argument.split(':');
  return (info) => {
    const value = metadataValue(source(info), namespace, keys);
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
  };
}

/** `%DYNAMIC_METADATA(namespace:key)%` and its like, `%METADATA(ROUTE:namespace:key)%`; undefined for others. */
export function metadataOperator(name: string, argument: string): Operator | undefined {
  switch (name) {
    case 'DYNAMIC_METADATA':
      return valueReader(sources['DYNAMIC'] as MetadataOf, argument);
    case 'CLUSTER_METADATA':
      return valueReader(sources['CLUSTER'] as MetadataOf, argument);
    case 'UPSTREAM_METADATA':
      return valueReader(sources['UPSTREAM_HOST'] as MetadataOf, argument);
    case 'METADATA': {
      const colon = argument.indexOf(':');
      const source = sources[argument.slice(0, Math.max(0, colon))];
      return source === undefined ? undefined : valueReader(source, argument.slice(colon + 1));
    }
    default:
      return undefined;
  }
}
