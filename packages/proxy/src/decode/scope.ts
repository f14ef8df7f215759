import { problems, ok, type Problem, type Result } from '@lateen/core';
import { decode, type Any, type Field, type MessageType, type UnknownField } from '@lateen/protocol';
import type { RuntimeFeatureFlag } from '@lateen/protocol/envoy/config/core/v3';
import { messageValidator } from '@lateen/protocol/validate';
import { referenceKey, type ConfigSource, type ReferenceKind } from '../model/config-source.ts';
import type { Fraction } from '../model/string-match.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { AnyFieldPolicy, FieldPolicy } from './field-policy.ts';
import { nestedPolicyOf } from './nested-policies.ts';
import { structIn, unpackTyped } from './typed-any.ts';

/** What is shared by all places of one resource while it is decoded. */
interface Shared {
  readonly problems: Problem[];
  readonly unknown: UnknownField[];
  /** Paths of what is configured by a TypedStruct: its fields are below `value`. */
  readonly structs: Set<string>;
  /** How long each subscription within the resource may keep it waiting; 0: for ever. */
  readonly fetchTimeoutsMs: number[];
  readonly sources: Map<string, ConfigSource>;
  confidential: boolean;
  /** How often anything was noted, but for fields that are not known. */
  notes: number;
  readonly runtime: Runtime | undefined;
}

/**
 * A place in a message while it is decoded: knows its path, and collects what is wrong.
 *
 * Decoding goes on after a problem, so that all of them are found; the value is thrown away then.
 */
export class Scope {
  readonly #shared: Shared;
  readonly #parent: Scope | undefined;
  /** A field, or an item or entry in brackets; or several of them. */
  readonly #segment: string;

  private constructor(shared: Shared, parent: Scope | undefined, segment: string) {
    this.#shared = shared;
    this.#parent = parent;
    this.#segment = segment;
  }

  /** The place of a whole resource. */
  static root(runtime?: Runtime): Scope {
    return new Scope(
      {
        problems: [],
        unknown: [],
        structs: new Set(),
        fetchTimeoutsMs: [],
        sources: new Map(),
        confidential: false,
        notes: 0,
        runtime,
      },
      undefined,
      '',
    );
  }

  /** The place of a field, by its name in a decoded message, or of an item. */
  at(segment: string | number): Scope {
    return new Scope(this.#shared, this, typeof segment === 'number' ? `[${segment}]` : segment);
  }

  /** The place of a map's entry. */
  entry(key: string): Scope {
    return new Scope(this.#shared, this, `[${JSON.stringify(key)}]`);
  }

  /** `filter_chains[0].filters[1].rds`, named as in Envoy's documentation; worked out only when it is needed. */
  get path(): string {
    const parent = this.#parent;
    const before = parent === undefined ? '' : parent.#pathOfFields;
    const own = documentedPath(this.#segment);
    return before === '' || own === '' || own.startsWith('[') ? before + own : `${before}.${own}`;
  }

  get #pathOfFields(): string {
    const { path } = this;
    return this.#shared.structs.has(path) ? `${path}.value` : path;
  }

  /** Records a problem here; the first at a place says enough. */
  fail(message: string): void {
    const { path } = this;
    if (this.#shared.problems.some((problem) => problem.path === path)) return;
    this.#shared.problems.push({ path, message });
  }

  /** Records what was found of what is here; paths are relative to this place. */
  failAll(problems: readonly Problem[] = []): void {
    for (const { path, message } of problems) this.at(path).fail(message);
  }

  /** How many problems the resource has so far. */
  get problemCount(): number {
    return this.#shared.problems.length;
  }

  /** How much was noted of the resource so far: problems, what it waits for and refers to, secrets, unknown fields. */
  get noteCount(): number {
    const { problems: found, unknown, notes } = this.#shared;
    return found.length + unknown.length + notes;
  }

  /** Refuses what breaks a constraint of Envoy's API, here and in all nested messages (not in an Any). */
  constrain<T>(type: MessageType<T>, message: T): void {
    this.failAll(messageValidator.validate(type, message));
  }

  /**
   * Refuses every field that is set and neither honoured nor ignored, here and in the messages within that have no
   * decoder of their own.
   */
  check<T extends object>(policy: FieldPolicy<T>, message: T): void {
    this.#check(policy, message);
  }

  #check(policy: AnyFieldPolicy, message: object): void {
    const { byName } = policy.type.table;
    const values = message as Readonly<Record<string, unknown>>;
    for (const key of Object.keys(values)) {
      const value = values[key];
      if (value === undefined || policy.ignored.has(key)) continue;
      if (!policy.honoured.has(key)) {
        this.at(key).fail('is not supported by this proxy');
        continue;
      }
      if (typeof value !== 'object') continue;
      const field = byName.get(key);
      const nested = field?.message === undefined ? undefined : nestedPolicyOf(field.message.typeName);
      if (field === undefined || nested === undefined || value === null) continue;
      this.at(key).#checkAll(nested, field.shape, value);
    }
  }

  /** Checks a message, or each of a list or a map of them. */
  #checkAll(policy: AnyFieldPolicy, shape: Field['shape'], value: object): void {
    if (shape === 'single') this.#check(policy, value);
    else if (shape === 'map')
      for (const [key, item] of Object.entries(value)) this.entry(key).#check(policy, item as object);
    else for (const [i, item] of (value as readonly object[]).entries()) this.at(i).#check(policy, item);
  }

  /** Decodes bytes; undefined after a problem. */
  read<T>(type: MessageType<T>, bytes: Uint8Array): T | undefined {
    const result = decode(type, bytes);
    if (result.ok) return result.value;
    for (const problem of result.problems) this.at(problem.path).fail(problem.message);
    return undefined;
  }

  /** Decodes an Any that holds this type, or a TypedStruct of it; undefined after a problem. */
  unpack<T>(type: MessageType<T>, any: Any | undefined): T | undefined {
    if (any === undefined) {
      this.fail(`must hold a ${type.typeName}`);
      return undefined;
    }
    const result = unpackTyped(type, any, { unknown: this.#shared.unknown });
    if (structIn(any) !== undefined) this.#shared.structs.add(this.path);
    if (result.ok) {
      this.constrain(type, result.value);
      const policy = nestedPolicyOf(type.typeName);
      if (policy !== undefined) this.#check(policy, result.value as object);
      return result.value;
    }
    for (const problem of result.problems) this.at(problem.path).fail(problem.message);
    return undefined;
  }

  /** Notes that the resource waits for a subscription, for at most so long. */
  waitsFor(timeoutMs: number): void {
    this.#shared.notes++;
    this.#shared.fetchTimeoutsMs.push(timeoutMs);
  }

  /** Notes that the resource refers to another that comes from this source, and not by ADS. */
  refersTo(kind: ReferenceKind, name: string, source: ConfigSource): void {
    this.#shared.notes++;
    this.#shared.sources.set(referenceKey(kind, name), source);
  }

  /** The sources that were noted, by `kind/name`. */
  get sources(): ReadonlyMap<string, ConfigSource> {
    return this.#shared.sources;
  }

  /** A share as the runtime has it, where it has a key and there is a runtime. */
  live(fraction: Fraction, defaultKey?: string): Fraction {
    const { runtime } = this.#shared;
    return runtime === undefined ? fraction : runtime.fraction(fraction, fraction.runtimeKey ?? defaultKey);
  }

  /** A switch as the runtime has it. */
  flag({ defaultValue = false, runtimeKey = '' }: RuntimeFeatureFlag): () => boolean {
    const cell = runtimeKey === '' ? undefined : this.#shared.runtime?.cell(runtimeKey);
    return () => cell?.entry?.boolean ?? defaultValue;
  }

  /** What values that are no shares follow; undefined where nothing can be changed. */
  get runtime(): Runtime | undefined {
    return this.#shared.runtime;
  }

  /** Notes that the resource holds what must not be written down: a private key, a password. */
  holdsSecret(): void {
    this.#shared.notes++;
    this.#shared.confidential = true;
  }

  get confidential(): boolean {
    return this.#shared.confidential;
  }

  /** The longest that anything in the resource may keep it waiting; 0: for ever. */
  get warmingTimeoutMs(): number {
    const timeouts = this.#shared.fetchTimeoutsMs;
    return timeouts.includes(0) ? 0 : Math.max(0, ...timeouts);
  }

  /** Fields that the message types do not have: set by a newer control plane. */
  get unknown(): UnknownField[] {
    return this.#shared.unknown;
  }

  /** The value, or all problems that were recorded. */
  result<T>(value: T): Result<T> {
    return this.#shared.problems.length > 0 ? problems(this.#shared.problems) : ok(value);
  }

  /** The model's word for an enum value; a value that is not in the table is a problem. */
  choice<V>(value: string | number | undefined, table: Readonly<Record<string, V>>, absent: V): V {
    if (value === undefined) return absent;
    const found = table[value];
    if (found !== undefined) return found;
    this.fail(`${value} is not supported: use ${Object.keys(table).join(', ')}`);
    return absent;
  }
}

/** `fooBar["aB"]` -> `foo_bar["aB"]`: names of fields as .proto files have them; keys of maps stay. */
function documentedPath(path: string): string {
  return path.replace(/"(?:[^"\\]|\\.)*"|[A-Z]/g, (part) =>
    part.startsWith('"') ? part : `_${part.toLowerCase()}`,
  );
}
