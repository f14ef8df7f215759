import type { Theme } from '../../case.ts';
import { corpus, lenientCorpus } from './corpus.ts';
import { requests } from './requests.ts';

export const framing: Theme = { name: 'framing', setups: [requests, corpus, lenientCorpus] };
