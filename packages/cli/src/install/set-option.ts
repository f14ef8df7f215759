import { didYouMean, isObject, joinPath, parseFieldPath } from '@lateen/config';
import type { ShapeKeywords } from '@lateen/config/shape';
import { LateenError } from '@lateen/core';

/**
 * Applies `--set PATH=VALUE`, as in `meshConfig.accessLogFile=/dev/stdout` or
 * `components.egressGateways[0].enabled=true`; returns the changed copy.
 *
 * Values are read by the type of their field. A field that does not exist is an error that names what is
 * allowed there.
 */
export function applySetting(spec: unknown, shape: ShapeKeywords, setting: string): unknown {
  const equals = setting.indexOf('=');
  if (equals <= 0) {
    throw new LateenError('install.badSetting', `--set ${setting} must be PATH=VALUE`, {
      hint: 'For example: --set profile=demo',
    });
  }
  const path = setting.slice(0, equals).trim();
  const steps = parseFieldPath(path);
  return put(spec, shape, steps, '', setting.slice(equals + 1), path);
}

function put(
  value: unknown,
  shape: ShapeKeywords | undefined,
  steps: readonly (string | number)[],
  at: string,
  text: string,
  path: string,
): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return read(text, shape);
  if (typeof step === 'number') {
    if (
      shape !== undefined &&
      shape.type !== 'array' &&
      shape['x-kubernetes-preserve-unknown-fields'] !== true
    ) {
      throw unknown(path, at, 'is not a list');
    }
    const list = Array.isArray(value) ? [...value] : [];
    if (step > list.length) throw unknown(path, at, `has ${list.length} elements, so ${step} cannot be set`);
    list[step] = put(list[step], shape?.items, rest, `${at}[${step}]`, text, path);
    return list;
  }
  const inner = innerShape(shape, step, at, path);
  const object = isObject(value) ? value : {};
  return { ...object, [step]: put(object[step], inner, rest, joinPath(at, step), text, path) };
}

/** The shape of a field; undefined where anything is allowed. */
function innerShape(
  shape: ShapeKeywords | undefined,
  step: string,
  at: string,
  path: string,
): ShapeKeywords | undefined {
  if (shape === undefined || shape['x-kubernetes-preserve-unknown-fields'] === true) return undefined;
  if (shape.additionalProperties !== undefined) return shape.additionalProperties;
  const fields = shape.properties ?? {};
  if (Object.hasOwn(fields, step)) return fields[step];
  const names = Object.keys(fields);
  if (names.length === 0) throw unknown(path, at, 'has no fields');
  const meant = didYouMean(step, names);
  throw unknown(
    path,
    at,
    `has no field ${step}`,
    meant === undefined ? `Allowed are ${names.sort().join(', ')}.` : `Did you mean ${joinPath(at, meant)}?`,
  );
}

function unknown(path: string, at: string, why: string, hint?: string): LateenError {
  const where = at === '' ? 'the installation' : at;
  return new LateenError(
    'install.unknownSetting',
    `--set ${path}: ${where} ${why}`,
    hint === undefined ? {} : { hint },
  );
}

/** The value that a text stands for: by the type of its field, else as YAML would read a plain scalar. */
function read(text: string, shape: ShapeKeywords | undefined): unknown {
  switch (shape?.type) {
    case 'string':
      return text;
    case 'array':
      // Helm's form of a list.
      return /^\{.*\}$/.test(text)
        ? text
            .slice(1, -1)
            .split(',')
            .map((element) => read(element.trim(), shape.items))
        : [read(text, shape.items)];
    default:
      if (text === 'true' || text === 'false') return text === 'true';
      if (text === 'null') return undefined;
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  }
}
