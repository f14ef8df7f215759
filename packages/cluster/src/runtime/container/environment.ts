import { LateenError } from '@lateen/core';
import type { ConfigMap, Container, EnvVar, Secret, Service } from '@lateen/kube';
import { fieldValue, resourceValue, type PodFacts } from '../pod/pod-facts.ts';

/** The objects that a pod of a namespace may refer to. */
export interface ObjectLookup {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  services(namespace: string): readonly Service[];
}

/** Replaces `$(NAME)` by what the name stands for; unknown names stay, `$$(NAME)` is a plain `$(NAME)`. */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables[name] ?? whole;
  });
}

function missing(message: string): never {
  throw new LateenError('CreateContainerConfigError', message);
}

function secretText(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}

/** Kubernetes' variables for the services of a namespace, as `REVIEWS_SERVICE_HOST`. */
export function serviceVariables(services: readonly Service[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const ip = spec?.clusterIP;
    const ports = spec?.ports ?? [];
    const [first] = ports;
    if (ip === undefined || ip === '' || ip === 'None' || first === undefined) continue;
    const prefix = metadata.name.toUpperCase().replaceAll('-', '_');
    variables[`${prefix}_SERVICE_HOST`] = ip;
    variables[`${prefix}_SERVICE_PORT`] = String(first.port);
    variables[`${prefix}_PORT`] = `${(first.protocol ?? 'TCP').toLowerCase()}://${ip}:${first.port}`;
    for (const port of ports) {
      const protocol = port.protocol ?? 'TCP';
      if (port.name !== undefined) {
        variables[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(
          port.port,
        );
      }
      const stem = `${prefix}_PORT_${port.port}_${protocol}`;
      variables[stem] = `${protocol.toLowerCase()}://${ip}:${port.port}`;
      variables[`${stem}_PROTO`] = protocol.toLowerCase();
      variables[`${stem}_PORT`] = String(port.port);
      variables[`${stem}_ADDR`] = ip;
    }
  }
  return variables;
}

/** The value of one variable; undefined where it refers to something optional that is not there. */
function variableValue(
  variable: EnvVar,
  container: Container,
  facts: PodFacts,
  lookup: ObjectLookup,
  soFar: Readonly<Record<string, string>>,
): string | undefined {
  const namespace = facts.pod.metadata.namespace ?? '';
  const from = variable.valueFrom;
  if (from === undefined) return expandVariables(variable.value ?? '', soFar);
  if (from.fieldRef !== undefined) return fieldValue(facts, from.fieldRef.fieldPath);
  if (from.resourceFieldRef !== undefined) return resourceValue(facts, container, from.resourceFieldRef);
  if (from.configMapKeyRef !== undefined) {
    const { name, key, optional } = from.configMapKeyRef;
    const value = lookup.configMap(namespace, name)?.data?.[key];
    if (value !== undefined || optional === true) return value;
    if (lookup.configMap(namespace, name) === undefined) missing(`configmap "${name}" not found`);
    missing(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
  }
  if (from.secretKeyRef !== undefined) {
    const { name, key, optional } = from.secretKeyRef;
    const value = lookup.secret(namespace, name)?.data?.[key];
    if (value !== undefined || optional === true) return value === undefined ? undefined : secretText(value);
    if (lookup.secret(namespace, name) === undefined) missing(`secret "${name}" not found`);
    missing(`couldn't find key ${key} in Secret ${namespace}/${name}`);
  }
  return '';
}

/**
 * The variables that a container's spec gives it: services, `envFrom`, then `env` in order.
 * Throws a LateenError `CreateContainerConfigError` where something that it refers to is missing.
 */
export function containerEnvironment(
  container: Container,
  facts: PodFacts,
  lookup: ObjectLookup,
): Record<string, string> {
  const namespace = facts.pod.metadata.namespace ?? '';
  const kubernetes = lookup.services('default').filter((service) => service.metadata.name === 'kubernetes');
  const linked = facts.pod.spec.enableServiceLinks === false ? [] : lookup.services(namespace);
  const env = serviceVariables([...kubernetes, ...linked]);
  for (const source of container.envFrom ?? []) {
    const prefix = source.prefix ?? '';
    const { configMapRef, secretRef } = source;
    if (configMapRef !== undefined) {
      const found = lookup.configMap(namespace, configMapRef.name);
      if (found === undefined && configMapRef.optional !== true) {
        missing(`configmap "${configMapRef.name}" not found`);
      }
      for (const [key, value] of Object.entries(found?.data ?? {})) env[prefix + key] = value;
    }
    if (secretRef !== undefined) {
      const found = lookup.secret(namespace, secretRef.name);
      if (found === undefined && secretRef.optional !== true) missing(`secret "${secretRef.name}" not found`);
      for (const [key, value] of Object.entries(found?.data ?? {})) env[prefix + key] = secretText(value);
    }
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, container, facts, lookup, env);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}
