import { randomInt } from 'node:crypto';

/** Letters and digits from which no word, and no look-alike, can come about. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters for the end of a generated name. */
export function randomSuffix(): string {
  let text = '';
  for (let i = 0; i < 5; i++) text += alphabet[randomInt(alphabet.length)];
  return text;
}

/** Writes a number with the letters of generated names. */
export function safeText(number: number): string {
  let text = '';
  for (const digit of String(number)) text += alphabet[digit.charCodeAt(0) % alphabet.length];
  return text;
}
