import { istioVersion } from '../versions.ts';
import { configKinds, type ConfigKind, type PrinterColumn } from '../kinds/config-kinds.ts';
import type { ShapeKeywords } from '../schema/shape.ts';

/** A CustomResourceDefinition, as it is applied. */
export interface CrdManifest {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    group: string;
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames?: string[];
      categories: string[];
    };
    scope: 'Namespaced';
    versions: CrdVersion[];
  };
  [field: string]: unknown;
}

interface CrdVersion {
  name: string;
  served: boolean;
  storage: boolean;
  additionalPrinterColumns?: PrinterColumn[];
  subresources: { status: Record<string, never> };
  schema: { openAPIV3Schema: JsonSchema };
}

type JsonSchema = Record<string, unknown>;

/** The CRDs of all kinds, in the order in which Istio's installation lists them. */
export function crdManifests(): CrdManifest[] {
  return Object.values<ConfigKind>(configKinds).map(crdManifest);
}

/** The CRD of one kind. */
export function crdManifest(kind: ConfigKind): CrdManifest {
  const schema = openApiSchema(kind);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${kind.group}`,
      labels: { app: 'istio-pilot', chart: 'istio', istio: 'security', release: 'istio' },
      // Kept when the chart is removed, so that the users' configuration is not lost with it.
      annotations: { 'helm.sh/resource-policy': 'keep', 'lateen.dev/istio-version': istioVersion },
    },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        ...(kind.shortNames.length === 0 ? {} : { shortNames: [...kind.shortNames] }),
        categories: [...kind.categories],
      },
      scope: 'Namespaced',
      versions: kind.versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        ...(kind.columns.length === 0 ? {} : { additionalPrinterColumns: [...kind.columns] }),
        subresources: { status: {} },
        schema: { openAPIV3Schema: schema },
      })),
    },
  };
}

function openApiSchema(kind: ConfigKind): JsonSchema {
  return {
    type: 'object',
    properties: {
      spec: schemaOf(kind.shape),
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
}

/**
 * The structural schema of a shape: types, and what `kubectl explain` shows.
 *
 * Ranges and `x-one-of` stay out. An API server asks the validating webhook only once the schema holds, and
 * people should see all that is wrong at once; the webhook also says it better than "exactly one schema must
 * match".
 */
function schemaOf(shape: ShapeKeywords): JsonSchema {
  const schema: JsonSchema = {};
  for (const [keyword, value] of Object.entries(shape)) {
    switch (keyword) {
      case 'properties':
        schema[keyword] = mapValues(shape.properties ?? {}, schemaOf);
        break;
      case 'items':
      case 'additionalProperties':
        schema[keyword] = schemaOf(value as ShapeKeywords);
        break;
      case 'minimum':
      case 'maximum':
      case 'x-duration':
      case 'x-one-of':
      case 'x-replaced-by':
        break;
      case 'required':
        if ((value as readonly string[]).length > 0) schema[keyword] = value;
        break;
      default:
        schema[keyword] = value;
    }
  }
  return schema;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
