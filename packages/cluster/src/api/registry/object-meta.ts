import { randomInt, randomUUID } from 'node:crypto';
import { sameJson, type KubeObject } from '@lateen/kube';
import type { ResourceType } from './resource-type.ts';

// No vowels and no 0, 1, 3: no words, no lookalikes.
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const maxNameLength = 63;

/** A name that begins with `base`, as `generateName` asks for. */
export function generatedName(base: string): string {
  let suffix = '';
  for (let i = 0; i < suffixLength; i++) suffix += suffixAlphabet[randomInt(suffixAlphabet.length)] ?? '';
  return base.slice(0, maxNameLength - suffixLength) + suffix;
}

/** RFC 3339 in whole seconds, as `metav1.Time`. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Sets what the server decides about a new object. */
export function beginObject(type: ResourceType, object: KubeObject, nowMs: number): void {
  const { metadata } = object;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timeText(nowMs);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete (metadata as { selfLink?: unknown }).selfLink;
  if (type.strategy.countsGenerations === false) delete metadata.generation;
  else metadata.generation = 1;
  const wanted = type.strategy.finalizers ?? [];
  if (wanted.length > 0) metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), ...wanted])];
}

/** Puts back into an update what only the server changes, and counts the generation. */
export function continueObject(type: ResourceType, object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  const before = old.metadata;
  metadata.name = before.name;
  keep(metadata, before, 'namespace');
  keep(metadata, before, 'uid');
  keep(metadata, before, 'creationTimestamp');
  keep(metadata, before, 'deletionTimestamp');
  keep(metadata, before, 'deletionGracePeriodSeconds');
  keep(metadata, before, 'generation');
  if (metadata.generateName === undefined) keep(metadata, before, 'generateName');
  delete (metadata as { selfLink?: unknown }).selfLink;
  if (type.strategy.countsGenerations === false) return;
  if (!sameJson(desiredState(type, object), desiredState(type, old))) {
    metadata.generation = (before.generation ?? 0) + 1;
  }
}

function keep<K extends string>(
  target: Partial<Record<K, unknown>>,
  source: Partial<Record<K, unknown>>,
  name: K,
): void {
  if (source[name] === undefined) delete target[name];
  else target[name] = source[name];
}

/** All that a change of which is a new generation. */
function desiredState(type: ResourceType, object: KubeObject): Record<string, unknown> {
  const { metadata: _, apiVersion: __, kind: ___, ...rest } = object;
  if (type.stored.subresources.status) delete rest['status'];
  return rest;
}
