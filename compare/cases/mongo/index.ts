import type { Theme } from '../../case.ts';
import { messages } from './messages.ts';
import { policies } from './policies.ts';
import { reasons } from './reasons.ts';

export const mongo: Theme = { name: 'mongo', reasons, setups: [...messages, ...policies] };
