import type { IstioStatsOptions } from '../model/istio-stats.ts';
import { celRoots, type CelContext } from './cel/cel-attributes.ts';
import { compileCel, type CelProgram, type CelValue } from './cel/cel-evaluation.ts';
import type { Service } from './mesh-services.ts';

/** A service together with what expressions were of a request for it. */
export interface DimensionedService extends Service {
  readonly values?: readonly string[];
}

/** Sets of values that are kept apart; what is beyond them is `unknown`. */
const maxSets = 2_000;

/** The labels that are expressions: worked out when a request is over, so that they choose its cell. */
export class MeshDimensions {
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #programs: readonly CelProgram<CelContext>[];
  readonly #services = new Map<Service, Map<string, DimensionedService>>();
  #sets = 0;

  /** Undefined where there is no such label. */
  static of({ overrides }: IstioStatsOptions): MeshDimensions | undefined {
    const all = Object.values(overrides).flatMap(({ dimensions }) => dimensions.map(([, text]) => text));
    return all.length === 0 ? undefined : new MeshDimensions([...new Set(all)]);
  }

  private constructor(expressions: readonly string[]) {
    this.#indexes = new Map(expressions.map((text, i) => [text, i]));
    this.#programs = expressions.map((text) => compileCel(text, celRoots));
  }

  /** The same object for the same service and values. */
  extend(service: Service, context: CelContext): DimensionedService {
    const values = this.#programs.map((program) => textOf(program(context)));
    let sets = this.#services.get(service);
    if (sets === undefined) {
      sets = new Map();
      this.#services.set(service, sets);
    }
    const key = values.join('\0');
    let found = sets.get(key);
    if (found === undefined) {
      if (this.#sets >= maxSets) return service;
      this.#sets++;
      found = { ...service, values };
      sets.set(key, found);
    }
    return found;
  }

  valueOf({ values }: DimensionedService, expression: string): string {
    const index = this.#indexes.get(expression);
    return index === undefined ? 'unknown' : (values?.[index] ?? 'unknown');
  }
}

function textOf(value: CelValue): string {
  return value === undefined || typeof value === 'object' ? 'unknown' : String(value);
}
