import { readdirSync, readFileSync } from 'node:fs';
import type { FuzzTarget } from './target.ts';
import { configTargets } from './targets/config.ts';
import { http1Targets } from './targets/http1.ts';
import { http2Targets } from './targets/http2.ts';
import { serviceTargets } from './targets/services.ts';
import { textTargets } from './targets/text.ts';
import { wireTargets } from './targets/wire.ts';

/** Inputs that were trouble once: `corpus/PARSER/*`. */
function keptInputs(name: string): Buffer[] {
  const folder = new URL(`corpus/${name}/`, import.meta.url);
  try {
    return readdirSync(folder).map((file) => readFileSync(new URL(file, folder)));
  } catch {
    return [];
  }
}

/** All parsers, each with the inputs that it begins with. */
export function fuzzTargets(): FuzzTarget[] {
  const all = [
    ...http1Targets,
    ...http2Targets,
    ...wireTargets,
    ...serviceTargets,
    ...textTargets,
    ...configTargets(),
  ];
  return all.map((target) => ({ ...target, seeds: [...target.seeds, ...keptInputs(target.name)] }));
}
