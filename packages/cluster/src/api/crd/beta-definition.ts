import { isJsonObject, type JsonObject, type KubeObject } from '@lateen/kube';

/** What v1beta1 allowed once for all versions and v1 wants in each. */
const perVersion = ['subresources', 'additionalPrinterColumns'] as const;

function specOf(object: KubeObject): JsonObject {
  const { spec } = object;
  return isJsonObject(spec) ? spec : {};
}

/** Objects of kinds without a schema keep everything. */
const anything = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };

export function crdFromBeta(object: KubeObject): KubeObject {
  const { version, versions, validation, preserveUnknownFields, ...rest } = specOf(object);
  const shared: JsonObject = {};
  for (const name of perVersion) {
    if (rest[name] !== undefined) shared[name] = rest[name];
    delete rest[name];
  }
  const given = Array.isArray(versions) && versions.length > 0 ? versions.filter(isJsonObject) : [];
  const named = given.length > 0 ? given : [{ name: version, served: true, storage: true }];
  const converted = named.map((one) => ({ ...shared, ...one }));
  for (const one of converted as JsonObject[]) {
    const own = isJsonObject(one['schema']) ? one['schema'] : validation;
    const schema =
      isJsonObject(own) && isJsonObject(own['openAPIV3Schema']) ? own['openAPIV3Schema'] : undefined;
    if (schema === undefined) one['schema'] = anything;
    else {
      // v1beta1 kept unknown fields unless it was told not to.
      const keeps = preserveUnknownFields !== false;
      const open = keeps ? { 'x-kubernetes-preserve-unknown-fields': true } : {};
      one['schema'] = { openAPIV3Schema: { type: 'object', ...schema, ...open } };
    }
    if (Array.isArray(one['additionalPrinterColumns'])) {
      one['additionalPrinterColumns'] = one['additionalPrinterColumns'].filter(isJsonObject).map((column) => {
        const { JSONPath: path, ...others } = column;
        return path === undefined ? others : { ...others, jsonPath: path };
      });
    }
  }
  return { ...object, spec: { ...rest, versions: converted } };
}

export function crdToBeta(object: KubeObject): KubeObject {
  const spec = specOf(object);
  const versions = Array.isArray(spec['versions']) ? spec['versions'].filter(isJsonObject) : [];
  const shown = versions.map((one) => ({
    ...one,
    ...(Array.isArray(one['additionalPrinterColumns'])
      ? {
          additionalPrinterColumns: one['additionalPrinterColumns'].filter(isJsonObject).map((column) => {
            const { jsonPath: path, ...others } = column;
            return { ...others, JSONPath: path };
          }),
        }
      : {}),
  }));
  return { ...object, spec: { ...spec, version: versions[0]?.['name'], versions: shown } };
}
