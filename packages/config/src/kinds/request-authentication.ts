import { duration, flag, list, message, replaced, text, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector, targetRef, targetRefs } from './selectors.ts';

export const jwtRule = message(
  'A token that is accepted.',
  {
    issuer: text('Issuer of the token.', { minLength: 1 }),
    audiences: list('Audiences of which the token must have one.', text('Audience.')),
    jwksUri: text('Where the keys are found.'),
    jwks_uri: replaced(text('Where the keys are found.'), 'jwksUri'),
    jwks: text('The keys themselves.'),
    fromHeaders: list(
      'Headers that carry the token.',
      message(
        'A header.',
        { name: text('Name.', { minLength: 1 }), prefix: text('Text before the token, such as "Bearer ".') },
        { required: ['name'] },
      ),
    ),
    fromParams: list('Query parameters that carry the token.', text('Name.')),
    fromCookies: list('Cookies that carry the token.', text('Name.')),
    outputPayloadToHeader: text('Header that receives the payload of the token.'),
    outputClaimToHeaders: list(
      'Headers that receive claims.',
      message(
        'A header.',
        {
          header: text('Name of the header.', { minLength: 1 }),
          claim: text('Name of the claim.', { minLength: 1 }),
        },
        { required: ['header', 'claim'] },
      ),
    ),
    forwardOriginalToken: flag('Whether the token is passed on.'),
    timeout: duration('Time limit to fetch the keys; 5s where left out.'),
  },
  { required: ['issuer'] },
);

export type JwtRule = ShapeOf<typeof jwtRule>;

export const requestAuthentication = message('Which tokens of requests are accepted.', {
  selector: matchLabelsSelector,
  targetRef,
  targetRefs,
  jwtRules: list('Tokens that are accepted.', jwtRule),
});
export type RequestAuthenticationSpec = ShapeOf<typeof requestAuthentication>;
