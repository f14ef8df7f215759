import type { JsonObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import {
  duplicate,
  invalidValue,
  missingReference,
  notSupported,
  required,
  type FieldError,
} from '../field-error.ts';
import { parseQuantity, type Quantity } from '../schema/quantity.ts';
import { dnsLabelProblems } from './names.ts';
import { portNameProblems, validateNonNegative, validatePort, validatePortOrName } from './numbers.ts';

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const envName = /^[ -<>-~]+$/;

/** Names that were met already, over init containers and containers. */
export type SeenNames = Set<string>;

export function validateContainer(
  container: JsonObject,
  path: string,
  volumes: ReadonlySet<string>,
  seen: SeenNames,
): FieldError[] {
  const name = textIn(container, 'name');
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${path}.name`));
  else {
    for (const problem of dnsLabelProblems(name)) errors.push(invalidValue(`${path}.name`, name, problem));
    if (seen.has(name)) errors.push(duplicate(`${path}.name`, name));
    seen.add(name);
  }
  const image = textIn(container, 'image');
  if (image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim()) {
    errors.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  const policy = textIn(container, 'imagePullPolicy');
  if (policy !== '' && !pullPolicies.includes(policy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, policy, pullPolicies));
  }
  errors.push(
    ...validatePorts(container, path),
    ...validateEnv(container, path),
    ...validateMounts(container, path, volumes),
    ...validateResources(container, path),
  );
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    errors.push(...validateProbe(objectIn(container, probe), `${path}.${probe}`));
  }
  return errors;
}

function validatePorts(container: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of objectsIn(container, 'ports').entries()) {
    const at = `${path}.ports[${index}]`;
    const name = textIn(port, 'name');
    if (name !== '') {
      for (const problem of portNameProblems(name)) errors.push(invalidValue(`${at}.name`, name, problem));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    errors.push(...validatePort(port, 'containerPort', at));
    if (port['hostPort'] !== undefined && port['hostPort'] !== 0)
      errors.push(...validatePort(port, 'hostPort', at));
    const protocol = textIn(port, 'protocol');
    if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
  }
  return errors;
}

function validateEnv(container: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, env] of objectsIn(container, 'env').entries()) {
    const at = `${path}.env[${index}]`;
    const name = textIn(env, 'name');
    if (name === '') errors.push(required(`${at}.name`));
    else if (!envName.test(name)) {
      const text =
        "a valid environment variable name must consist only of printable ASCII characters other than '='";
      errors.push(invalidValue(`${at}.name`, name, text));
    }
    const from = objectIn(env, 'valueFrom');
    if (from === undefined) continue;
    const sources = Object.keys(from).length;
    if (sources !== 1) {
      const text =
        sources === 0
          ? 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
          : 'may not have more than one field specified at a time';
      errors.push(invalidValue(`${at}.valueFrom`, '', text));
    }
    if (textIn(env, 'value') !== '') {
      errors.push(invalidValue(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    }
  }
  return errors;
}

function validateMounts(container: JsonObject, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [index, mount] of objectsIn(container, 'volumeMounts').entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    const name = textIn(mount, 'name');
    if (name === '') errors.push(required(`${at}.name`));
    else if (!volumes.has(name)) errors.push(missingReference(`${at}.name`, name));
    const mountPath = textIn(mount, 'mountPath');
    if (mountPath === '') errors.push(required(`${at}.mountPath`));
    else if (paths.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    for (const field of ['subPath', 'subPathExpr']) {
      const sub = textIn(mount, field);
      if (sub.startsWith('/')) errors.push(invalidValue(`${at}.${field}`, sub, 'must be a relative path'));
      if (sub.split('/').includes('..'))
        errors.push(invalidValue(`${at}.${field}`, sub, "must not contain '..'"));
    }
  }
  return errors;
}

function validateResources(container: JsonObject, path: string): FieldError[] {
  const resources = objectIn(container, 'resources');
  const limits = objectIn(resources, 'limits') ?? {};
  const requests = objectIn(resources, 'requests') ?? {};
  const errors: FieldError[] = [];
  const at = `${path}.resources`;
  for (const [kind, amounts] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, amount] of Object.entries(amounts)) {
      const quantity = quantityIn(amount);
      if (quantity !== undefined && quantity.milli < 0n) {
        errors.push(invalidValue(`${at}.${kind}.${name}`, amount, 'must be greater than or equal to 0'));
      }
    }
  }
  for (const [name, amount] of Object.entries(requests)) {
    const limit = limits[name];
    const asked = quantityIn(amount);
    const allowed = quantityIn(limit);
    if (asked !== undefined && allowed !== undefined && asked.milli > allowed.milli) {
      const text = `must be less than or equal to ${name} limit of ${textIn(limits, name)}`;
      errors.push(invalidValue(`${at}.requests`, amount, text));
    }
  }
  return errors;
}

function quantityIn(value: unknown): Quantity | undefined {
  return typeof value === 'string' ? parseQuantity(value) : undefined;
}

const handlers = ['exec', 'grpc', 'httpGet', 'tcpSocket'];

function validateProbe(probe: JsonObject | undefined, path: string): FieldError[] {
  if (probe === undefined) return [];
  const errors: FieldError[] = [];
  const given = handlers.filter((name) => probe[name] !== undefined);
  if (given.length === 0) errors.push(required(path, 'must specify a handler type'));
  if (given.length > 1) {
    for (const name of given.slice(1)) {
      errors.push({
        reason: 'FieldValueForbidden',
        field: `${path}.${name}`,
        message: 'Forbidden: may not specify more than 1 handler type',
      });
    }
  }
  for (const name of ['httpGet', 'tcpSocket', 'grpc']) {
    const handler = objectIn(probe, name);
    if (handler === undefined) continue;
    if (handler['port'] === undefined) errors.push(required(`${path}.${name}.port`));
    errors.push(...validatePortOrName(handler['port'], `${path}.${name}.port`));
  }
  const command = objectIn(probe, 'exec')?.['command'];
  if (probe['exec'] !== undefined && (!Array.isArray(command) || command.length === 0)) {
    errors.push(required(`${path}.exec.command`));
  }
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    errors.push(...validateNonNegative(probe, name, path));
  }
  return errors;
}
