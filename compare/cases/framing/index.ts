import type { Theme } from '../../case.ts';
import { requests } from './requests.ts';

export const framing: Theme = { name: 'framing', setups: [requests] };
