import { didYouMean, istioVersion } from '@lateen/config';
import { ok, problems as failed, type Problem, type Result } from '@lateen/core';

/** What an installation consists of, as IstioOperator's `spec` says it. */
export interface InstallValues {
  readonly profile: ProfileName;
  /** Registry and path before the images' names. */
  readonly hub: string;
  readonly tag: string;
  readonly namespace: string;
  readonly revision: string;
  readonly pilot: ComponentValues;
  readonly ingressGateway: ComponentValues;
  readonly egressGateway: ComponentValues;
  /** `meshConfig`: what ConfigMap `istio` is to say beyond the defaults. */
  readonly meshConfig: Readonly<Record<string, unknown>>;
  /** `values`: Helm values, kept for the injector. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface ComponentValues {
  readonly enabled: boolean;
  readonly replicas: number;
}

export const profileNames = ['default', 'demo', 'minimal', 'empty'] as const;
export type ProfileName = (typeof profileNames)[number];

/** Which components each profile has. */
const profiles: Readonly<
  Record<ProfileName, { pilot: boolean; ingress: boolean; egress: boolean; meshConfig?: object }>
> = {
  default: { pilot: true, ingress: true, egress: false },
  demo: { pilot: true, ingress: true, egress: true, meshConfig: { accessLogFile: '/dev/stdout' } },
  minimal: { pilot: true, ingress: false, egress: false },
  empty: { pilot: false, ingress: false, egress: false },
};

/** Paths that may be set, with what they take; a `*` is any rest. */
const settable: Readonly<Record<string, 'text' | 'flag' | 'number' | 'any'>> = {
  profile: 'text',
  hub: 'text',
  tag: 'text',
  revision: 'text',
  namespace: 'text',
  'components.pilot.enabled': 'flag',
  'components.pilot.k8s.replicaCount': 'number',
  'components.ingressGateways[0].name': 'text',
  'components.ingressGateways[0].enabled': 'flag',
  'components.ingressGateways[0].k8s.replicaCount': 'number',
  'components.egressGateways[0].name': 'text',
  'components.egressGateways[0].enabled': 'flag',
  'components.egressGateways[0].k8s.replicaCount': 'number',
  'meshConfig.*': 'any',
  'values.*': 'any',
};

/** Part of a tree of settings, as `--set` and IstioOperator files give it. */
interface Setting {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
}

/** `a.b=c` of `--set`; numbers and booleans are read as such. */
export function parseSetting(text: string): Result<{ readonly path: string; readonly value: unknown }> {
  const at = text.indexOf('=');
  if (at < 1)
    return failed([
      { path: text, message: 'must be PATH=VALUE, as in meshConfig.accessLogFile=/dev/stdout' },
    ]);
  return ok({ path: text.slice(0, at), value: scalar(text.slice(at + 1)) });
}

function scalar(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Every leaf of an IstioOperator's `spec` with its path. */
function leaves(value: unknown, path: string): Setting[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => leaves(item, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [{ path, value, from: 'file' }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

function kindOf(path: string): 'text' | 'flag' | 'number' | 'any' | undefined {
  const exact = settable[path];
  if (exact !== undefined) return exact;
  const top = path.split('.', 1)[0] ?? '';
  return path.includes('.') ? settable[`${top}.*`] : undefined;
}

function checkSetting({ path, value }: Setting): Problem | undefined {
  const kind = kindOf(path);
  if (kind === undefined) {
    const names = Object.keys(settable);
    const near = didYouMean(path, names);
    const known = `what can be set: ${names.join(', ')}`;
    return {
      path,
      message: near === undefined ? `is not known; ${known}` : `is not known; did you mean ${near}?`,
    };
  }
  if (kind === 'flag' && typeof value !== 'boolean')
    return { path, message: `must be true or false, not "${String(value)}"` };
  if (kind === 'number' && !(Number.isInteger(value) && Number(value) >= 0)) {
    return { path, message: `must be a whole number from 0, not "${String(value)}"` };
  }
  return undefined;
}

/** Puts a value at `a.b[0].c` of a tree, making what is missing. */
function put(tree: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  let current: Record<string, unknown> = tree;
  for (const step of steps.slice(0, -1)) {
    if (typeof current[step] !== 'object' || current[step] === null) current[step] = {};
    current = current[step] as Record<string, unknown>;
  }
  current[steps.at(-1) ?? ''] = value;
}

function subtree(
  settings: readonly Setting[],
  root: string,
  start: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const tree = structuredClone(start) as Record<string, unknown>;
  for (const { path, value } of settings) {
    if (path.startsWith(`${root}.`)) put(tree, path.slice(root.length + 1), value);
  }
  return tree;
}

export interface InstallInput {
  readonly profile?: string;
  /** `PATH=VALUE`, the last one wins. */
  readonly settings: readonly string[];
  /** `spec` of an IstioOperator file; settings win over it. */
  readonly operatorSpec?: unknown;
}

/** The values of an installation: the profile's, then the file's, then the settings'. */
export function decodeInstallValues(input: InstallInput): Result<InstallValues> {
  const settings: Setting[] = leaves(input.operatorSpec ?? {}, '').filter(({ path }) => path !== '');
  const found: Problem[] = [];
  for (const text of input.settings) {
    const parsed = parseSetting(text);
    if (parsed.ok) settings.push({ ...parsed.value, from: '--set' });
    else found.push(...parsed.problems);
  }
  for (const setting of settings) {
    const wrong = checkSetting(setting);
    if (wrong !== undefined) found.push({ ...wrong, path: `${setting.from}: ${wrong.path}` });
  }
  const last = (path: string, absent: unknown): unknown =>
    settings.findLast((setting) => setting.path === path)?.value ?? absent;
  const flag = (path: string, absent: boolean): boolean => last(path, absent) === true;
  const name = String(last('profile', input.profile ?? 'default'));
  const profile = profileNames.find((known) => known === name);
  if (profile === undefined) {
    found.push({
      path: 'profile',
      message: `"${name}" is not known; it is one of ${profileNames.join(', ')}`,
    });
  }
  if (profile === undefined || found.length > 0) return failed(found);
  const standard = profiles[profile];
  const component = (path: string, enabled: boolean): ComponentValues => ({
    enabled: flag(`${path}.enabled`, enabled),
    replicas: Number(last(`${path}.k8s.replicaCount`, 1)),
  });
  return ok({
    profile,
    hub: String(last('hub', 'docker.io/istio')),
    tag: String(last('tag', istioVersion)),
    namespace: String(last('namespace', 'istio-system')),
    revision: String(last('revision', 'default')),
    pilot: component('components.pilot', standard.pilot),
    ingressGateway: component('components.ingressGateways[0]', standard.ingress),
    egressGateway: component('components.egressGateways[0]', standard.egress),
    meshConfig: subtree(settings, 'meshConfig', { ...standard.meshConfig }),
    values: subtree(settings, 'values', {}),
  });
}
