import process from 'node:process';
import { describeFields } from './field-policies.ts';

process.stdout.write(describeFields());
