import {
  checkShape,
  decodeMeshConfig,
  didYouMean,
  isObject,
  problemList,
  type MeshConfig,
} from '@lateen/config';
import { formatProblem, LateenError, type Problem } from '@lateen/core';
import { installShape, type InstallSpec, type InstallValues } from './install-spec.ts';
import { mergeOver } from './merge.ts';
import { profileLayers, profileNames, type ProfileName } from './profiles.ts';
import { applySetting } from './set-option.ts';

/** What the user asked for. */
export interface InstallRequest {
  /** Default: the one that the files or settings name, else `default`. */
  readonly profile?: string | undefined;
  /** IstioOperator objects, in order. */
  readonly operators?: readonly unknown[];
  /** `--set` options, in order. */
  readonly settings?: readonly string[];
  readonly revision?: string | undefined;
}

/** What will be installed: everything decided. */
export interface Installation {
  readonly profile: ProfileName;
  readonly namespace: string;
  /** `default` where none was asked for. */
  readonly revision: string;
  readonly hub: string;
  readonly tag: string;
  readonly meshConfig: MeshConfig;
  readonly spec: InstallSpec;
  readonly values: InstallValues;
}

/**
 * Merges profile, files and settings, in this order, and checks the outcome.
 *
 * Throws a LateenError that names each wrong field and what is allowed.
 */
export function resolveInstall(request: InstallRequest): Installation {
  let asked: unknown = {};
  for (const operator of request.operators ?? []) asked = mergeOver(asked, operatorSpec(operator));
  for (const setting of request.settings ?? []) asked = applySetting(asked, installShape, setting);
  checked(asked);
  const said = asked as InstallSpec;
  const profile = profileOf(request.profile ?? said.profile ?? 'default');
  let merged: unknown = {};
  for (const layer of [...profileLayers(profile), asked]) merged = mergeOver(merged, layer);
  const spec = checked(merged);
  const values = withSpecLevelValues(spec, request.revision);
  const namespace = spec.namespace ?? values.global?.istioNamespace ?? 'istio-system';
  return {
    profile,
    namespace,
    revision: values.revision ?? 'default',
    hub: values.global?.hub ?? '',
    tag: values.global?.tag ?? '',
    meshConfig: resolveMeshConfig(spec, values, namespace),
    spec,
    values,
  };
}

function operatorSpec(operator: unknown): unknown {
  if (!isObject(operator) || operator['kind'] !== 'IstioOperator') {
    throw new LateenError('install.notOperator', 'the file must hold an IstioOperator', {
      hint: 'apiVersion: install.istio.io/v1alpha1, kind: IstioOperator, spec: …',
    });
  }
  checked(operator['spec'] ?? {});
  return operator['spec'] ?? {};
}

function checked(spec: unknown): InstallSpec {
  const { problems, report } = problemList();
  checkShape(installShape, spec, '', report);
  if (problems.length > 0) throw invalid(problems);
  return spec as InstallSpec;
}

function invalid(problems: readonly Problem[]): LateenError {
  return new LateenError('install.invalid', problems.map(formatProblem).join('\n'), {
    hint: 'The fields are those of an IstioOperator’s spec.',
  });
}

function profileOf(name: string): ProfileName {
  const found = profileNames.find((known) => known === name);
  if (found !== undefined) return found;
  const meant = didYouMean(name, profileNames);
  throw new LateenError('install.unknownProfile', `there is no profile ${name}`, {
    hint: `Profiles are ${profileNames.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  });
}

/** The fields that stand both in the spec and among the values: the spec's hold. */
function withSpecLevelValues(spec: InstallSpec, revision: string | undefined): InstallValues {
  const values = spec.values ?? {};
  const global = values.global ?? {};
  const chosen = revision ?? spec.revision ?? values.revision;
  return {
    ...values,
    ...(chosen === undefined || chosen === '' ? {} : { revision: chosen }),
    global: {
      ...global,
      hub: global.hub ?? spec.hub ?? '',
      tag: global.tag ?? spec.tag ?? '',
      istioNamespace: spec.namespace ?? global.istioNamespace ?? 'istio-system',
    },
  };
}

function resolveMeshConfig(spec: InstallSpec, values: InstallValues, namespace: string): MeshConfig {
  const hold = values.global?.proxy?.holdApplicationUntilProxyStarts;
  const revision =
    values.revision === undefined || values.revision === 'default' ? '' : `-${values.revision}`;
  const own: MeshConfig = {
    rootNamespace: namespace,
    defaultConfig: {
      discoveryAddress: `istiod${revision}.${namespace}.svc:15012`,
      ...(hold === undefined ? {} : { holdApplicationUntilProxyStarts: hold }),
    },
  };
  const merged = mergeOver(mergeOver(own, values.meshConfig), spec.meshConfig);
  const decoded = decodeMeshConfig(merged);
  if (!decoded.ok) {
    throw invalid(
      decoded.problems.map((p) => ({
        ...p,
        path: `meshConfig${p.path === '' ? '' : '.'}${p.path}`,
      })),
    );
  }
  return decoded.value;
}
