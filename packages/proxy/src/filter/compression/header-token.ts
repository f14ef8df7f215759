/** True where a list in a header has this token, given in lower case. */
export function hasToken(value: string | undefined, token: string): boolean {
  return value !== undefined && value.split(',').some((one) => one.trim().toLowerCase() === token);
}
