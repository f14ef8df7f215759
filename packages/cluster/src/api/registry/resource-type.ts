import type { JsonObject, KubeObject, ObjectSchema } from '@lateen/kube';
import type { FieldError } from '../field-error.ts';

import type { DecodeFindings } from '../schema/decode-fields.ts';
import type { TableLayout } from '../print/table-layout.ts';

/** One group and version under which a resource is served. */
export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  /** Fields and how they are merged. */
  readonly schema: ObjectSchema;
  /** Of custom kinds: the JSON schema as its author wrote it, for documents. */
  readonly publicSchema?: JsonObject;
  /** Of custom kinds: what the schema says against an object in this version. */
  readonly validate?: (object: KubeObject) => FieldError[];
  /** Brings what a client sent into the shape of the version, in place; see {@link DecodeFindings}. */
  readonly decode: (object: KubeObject) => DecodeFindings;
  /** The shape of the stored version from this one; undefined where they are the same but for `apiVersion`. */
  readonly toStored?: (object: KubeObject) => KubeObject;
  readonly fromStored?: (object: KubeObject) => KubeObject;
  /** Sent as a Warning with every answer. */
  readonly deprecation?: string;
  readonly subresources: Subresources;
  readonly table: TableLayout;
}

export interface Subresources {
  /** Writes to the object leave `status` alone, writes to `/status` only change it. */
  readonly status: boolean;
  readonly scale?: ScalePaths;
  /** Answered by handlers of their own, such as `log` and `exec`. */
  readonly others?: readonly string[];
}

/** Where a kind keeps what `/scale` shows, as paths without the leading dot. */
export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  readonly labelSelector?: string;
}

/** What is particular to a kind when it is written. Objects are in the stored version and may be changed in place. */
export interface Strategy {
  /** Fills in what the API fills in; also called on what admission changed. */
  readonly setDefaults?: (object: KubeObject) => void;
  /** Clears what a client may not set; `old` is undefined at creation. */
  readonly prepare?: (object: KubeObject, old: KubeObject | undefined) => void;
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => FieldError[];
  readonly validateStatus?: (object: KubeObject, old: KubeObject) => FieldError[];
  /** False for kinds whose every field is the desired state, such as ConfigMap. Default true. */
  readonly countsGenerations?: boolean;
  /** Seconds between the wish to delete and the end; undefined: deleted at once. */
  readonly gracePeriodSeconds?: (object: KubeObject) => number;
  /** Keeps an object that is to be deleted beside its finalizers, as `spec.finalizers` keep a Namespace. */
  readonly holdsDeletion?: (object: KubeObject) => boolean;
  /** Shows in an object that it is being deleted, as `status.phase` of a Namespace does. */
  readonly markDeleted?: (object: KubeObject) => void;
  /** Finalizers that every new object gets. */
  readonly finalizers?: readonly string[];
  /** Which names are good; default a DNS subdomain. */
  readonly nameRule?: (name: string) => string[];
  /** Fields by which lists and watches select beside `metadata.name` and `metadata.namespace`. */
  readonly selectableFields?: readonly string[];
}

/** A kind that the server serves, with all versions of it. */
export interface ResourceType {
  /** Group of the stored version. */
  readonly group: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Everything that is served. */
  readonly versions: readonly ServedVersion[];
  /** The one that is stored; it may be one that is no longer served. */
  readonly stored: ServedVersion;
  readonly strategy: Strategy;
  /** Every verb where it is left out; reviews only know `create`. */
  readonly verbs?: readonly string[];
  /** Sent as a Warning to whoever writes one. */
  readonly notice?: string;
  /** True for kinds that a CustomResourceDefinition made. */
  readonly custom: boolean;
}

export const allVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const;

/** The text in `apiVersion` of objects of this version. */
export function apiVersionText(version: { readonly group: string; readonly version: string }): string {
  return version.group === '' ? version.version : `${version.group}/${version.version}`;
}
