import { LateenError } from '@lateen/core';
import type { DownwardItem, KeyToPath, Volume, VolumeProjection } from '@lateen/kube';
import type { ObjectLookup } from '../container/environment.ts';
import { fieldValue, resourceValue, type PodFacts } from '../pod/pod-facts.ts';
import type { VolumeFile } from './atomic-directory.ts';

/** Tokens that were fetched for the pod, by audience and lifetime. */
export type TokenLookup = (source: TokenRequestSource) => string;
export type TokenRequestSource = NonNullable<VolumeProjection['serviceAccountToken']>;

/** What the files of a volume are made from. */
export interface SourceContext {
  readonly facts: PodFacts;
  readonly lookup: ObjectLookup;
  readonly token: TokenLookup;
}

const defaultFileMode = 0o644;

function fail(message: string): never {
  throw new LateenError('FailedMount', message);
}

function checkedPath(path: string): string {
  if (path.startsWith('/') || path.split('/').includes('..')) fail(`the path "${path}" leaves the volume`);
  return path;
}

interface KeyedSource {
  readonly name: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

function keyedFiles(
  kind: 'configmap' | 'secret',
  source: KeyedSource,
  data: Readonly<Record<string, Buffer>> | undefined,
  mode: number,
): VolumeFile[] {
  if (data === undefined) {
    return source.optional === true ? [] : fail(`${kind} "${source.name}" not found`);
  }
  if (source.items === undefined) {
    return Object.entries(data).map(([key, value]) => ({ path: checkedPath(key), data: value, mode }));
  }
  const files: VolumeFile[] = [];
  for (const item of source.items) {
    const value = data[item.key];
    if (value !== undefined)
      files.push({ path: checkedPath(item.path), data: value, mode: item.mode ?? mode });
    else if (source.optional !== true)
      fail(`references non-existent ${kind} key: ${item.key} of ${source.name}`);
  }
  return files;
}

function decoded(map: Readonly<Record<string, string>> = {}): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(map).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}

function configMapFiles(context: SourceContext, source: KeyedSource, mode: number): VolumeFile[] {
  const found = context.lookup.configMap(context.facts.pod.metadata.namespace ?? '', source.name);
  if (found === undefined) return keyedFiles('configmap', source, undefined, mode);
  const texts = Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const);
  return keyedFiles(
    'configmap',
    source,
    { ...Object.fromEntries(texts), ...decoded(found.binaryData) },
    mode,
  );
}

function secretFiles(context: SourceContext, source: KeyedSource, mode: number): VolumeFile[] {
  const found = context.lookup.secret(context.facts.pod.metadata.namespace ?? '', source.name);
  return keyedFiles('secret', source, found === undefined ? undefined : decoded(found.data), mode);
}

function downwardFiles(
  context: SourceContext,
  items: readonly DownwardItem[] = [],
  mode: number,
): VolumeFile[] {
  return items.map((item) => {
    const { fieldRef, resourceFieldRef } = item;
    const value =
      fieldRef !== undefined
        ? fieldValue(context.facts, fieldRef.fieldPath)
        : resourceFieldRef !== undefined
          ? resourceValue(context.facts, undefined, resourceFieldRef)
          : '';
    return { path: checkedPath(item.path), data: Buffer.from(value), mode: item.mode ?? mode };
  });
}

function projectedFiles(context: SourceContext, source: VolumeProjection, mode: number): VolumeFile[] {
  const { serviceAccountToken, configMap, secret, downwardAPI } = source;
  if (serviceAccountToken !== undefined) {
    const data = Buffer.from(context.token(serviceAccountToken));
    return [{ path: checkedPath(serviceAccountToken.path), data, mode }];
  }
  if (configMap !== undefined) return configMapFiles(context, configMap, mode);
  if (secret !== undefined) return secretFiles(context, secret, mode);
  if (downwardAPI !== undefined) return downwardFiles(context, downwardAPI.items, mode);
  return fail('a projected source of an unknown kind');
}

/**
 * The files that a volume shows; undefined for volumes that are no files of the API (emptyDir, hostPath).
 * Throws a LateenError `FailedMount` where something that it needs is missing.
 */
export function volumeFiles(volume: Volume, context: SourceContext): VolumeFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    return configMapFiles(context, configMap, configMap.defaultMode ?? defaultFileMode);
  }
  if (secret !== undefined) {
    const { secretName: name, ...rest } = secret;
    return secretFiles(context, { name, ...rest }, secret.defaultMode ?? defaultFileMode);
  }
  if (downwardAPI !== undefined) {
    return downwardFiles(context, downwardAPI.items, downwardAPI.defaultMode ?? defaultFileMode);
  }
  if (projected !== undefined) {
    const mode = projected.defaultMode ?? defaultFileMode;
    return (projected.sources ?? []).flatMap((source) => projectedFiles(context, source, mode));
  }
  return undefined;
}
