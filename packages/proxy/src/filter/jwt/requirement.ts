import type { JwtRequirement } from '../../model/jwt-authn.ts';
import type { FilterExchange } from '../http-filter.ts';
import { plainAudience } from './claims.ts';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';
import type { Provider, Verified } from './provider.ts';
import { Steps } from './steps.ts';

/** Says whether a request has what is required, at once or later; answers with how to stop. */
export type CompiledRequirement = (exchange: FilterExchange, done: Verified) => () => void;

/** What lets a request pass although no requirement of a list is met. */
interface Leniency {
  readonly missing: boolean;
  readonly failed: boolean;
}

const strict: Leniency = { missing: false, failed: false };

/** The failure that says most: one of a token that was meant for a provider. */
function tellingFailure(failures: readonly JwtFailure[]): JwtFailure {
  const vague: readonly JwtFailure[] = [jwtFailure.missing, jwtFailure.issuer];
  return (
    failures.findLast((one) => !vague.includes(one)) ??
    failures.find((one) => one === jwtFailure.issuer) ??
    jwtFailure.missing
  );
}

function anyOf(list: readonly CompiledRequirement[], leniency: Leniency): CompiledRequirement {
  return (exchange, done) => {
    const failures: JwtFailure[] = [];
    const steps = new Steps();
    const next = (at: number): void => {
      const one = list[at];
      if (one !== undefined) {
        steps.take(() =>
          one(exchange, (failure) => {
            if (failure === undefined) return done(undefined);
            failures.push(failure);
            next(at + 1);
          }),
        );
        return;
      }
      const onlyMissing = failures.every((failure) => failure === jwtFailure.missing);
      const passes = leniency.failed || (leniency.missing && onlyMissing);
      done(passes ? undefined : tellingFailure(failures));
    };
    next(0);
    return steps.stop;
  };
}

function allOf(list: readonly CompiledRequirement[]): CompiledRequirement {
  return (exchange, done) => {
    const steps = new Steps();
    const next = (at: number): void => {
      const one = list[at];
      if (one === undefined) return done(undefined);
      steps.take(() => one(exchange, (failure) => (failure === undefined ? next(at + 1) : done(failure))));
    };
    next(0);
    return steps.stop;
  };
}

/** Compiles a requirement; its providers are there, as the decoder has seen to it. */
export function compileRequirement(
  requirement: JwtRequirement,
  providers: ReadonlyMap<string, Provider>,
): CompiledRequirement {
  const ofProvider = (name: string, audiences?: readonly string[]): CompiledRequirement => {
    const provider = providers.get(name);
    if (provider === undefined) throw new Error(`there is no provider "${name}"`);
    const own = audiences === undefined ? undefined : new Set(audiences.map(plainAudience));
    return (exchange, done) => provider.verify(exchange, own, done);
  };
  const everyProvider = (leniency: Leniency): CompiledRequirement =>
    anyOf(
      [...providers.keys()].map((name) => ofProvider(name)),
      leniency,
    );
  switch (requirement.kind) {
    case 'provider':
      return ofProvider(requirement.provider, requirement.audiences);
    case 'all':
      return allOf(requirement.requirements.map((one) => compileRequirement(one, providers)));
    case 'any': {
      const { requirements } = requirement;
      const has = (kind: JwtRequirement['kind']): boolean => requirements.some((one) => one.kind === kind);
      const leniency = { missing: has('allow_missing'), failed: has('allow_missing_or_failed') };
      const others = requirements.filter(
        ({ kind }) => kind === 'provider' || kind === 'any' || kind === 'all',
      );
      return anyOf(
        others.map((one) => compileRequirement(one, providers)),
        leniency,
      );
    }
    case 'allow_missing':
      return everyProvider({ ...strict, missing: true });
    default:
      return everyProvider({ ...strict, failed: true });
  }
}
