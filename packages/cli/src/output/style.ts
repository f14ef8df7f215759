import { styleText } from 'node:util';

/** Ways to show a piece of text. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  strong(text: string): string;
  soft(text: string): string;
  link(text: string): string;
}

const plain = (text: string): string => text;

/** Colours for a terminal, plain text for all else. */
export function styleFor(output: { readonly isTerminal: boolean }): Style {
  if (!output.isTerminal)
    return { good: plain, bad: plain, warn: plain, strong: plain, soft: plain, link: plain };
  const styled =
    (...format: Parameters<typeof styleText>[0][]) =>
    (text: string): string =>
      format.reduce<string>((shown, one) => styleText(one, shown, { validateStream: false }), text);
  return {
    good: styled('green'),
    bad: styled('red'),
    warn: styled('yellow'),
    strong: styled('bold'),
    soft: styled('gray'),
    link: styled('cyan'),
  };
}
