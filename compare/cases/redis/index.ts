import type { Theme } from '../../case.ts';
import { answers } from './answers.ts';
import { places } from './places.ts';
import { reasons } from './reasons.ts';
import { sessions } from './sessions.ts';

export const redis: Theme = { name: 'redis', reasons, setups: [...answers, ...places, ...sessions] };
