import type { Theme } from './case.ts';
import { framing } from './cases/framing/index.ts';

/** All themes, in the order in which they run. */
export const themes: readonly Theme[] = [framing];
