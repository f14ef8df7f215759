import type { FieldValidation, RequestContext } from '../registry/request-context.ts';
import { badRequest, failure } from '../status.ts';
import type { ApiRequest } from './api-request.ts';
import { mediaType } from './read-body.ts';

/** What the query and the headers of a request say about writes. Warnings are collected in the list given. */
export function contextOf(request: ApiRequest, warnings: string[]): RequestContext {
  const { query, headers, user } = request;
  const agent = (headers['user-agent'] ?? 'unknown').split('/', 1)[0] ?? '';
  const patchIsApply = mediaType(request) === 'application/apply-patch+yaml';
  return {
    user,
    dryRun: isDryRun(query),
    fieldManager: query.get('fieldManager') ?? (patchIsApply ? '' : agent.slice(0, 128)),
    fieldValidation: fieldValidationOf(query.get('fieldValidation')),
    warn: (text) => void (warnings.includes(text) || warnings.push(text)),
  };
}

function isDryRun(query: URLSearchParams): boolean {
  const wishes = query.getAll('dryRun').filter((wish) => wish !== '');
  for (const wish of wishes) {
    if (wish !== 'All') {
      throw failure(
        422,
        'Invalid',
        `invalid dryRun: Unsupported value: ${JSON.stringify(wish)}: supported values: "All"`,
      );
    }
  }
  return wishes.length > 0;
}

function fieldValidationOf(text: string | null): FieldValidation {
  if (text === null || text === '' || text === 'Warn') return 'Warn';
  if (text === 'Strict' || text === 'Ignore') return text;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(text)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}
