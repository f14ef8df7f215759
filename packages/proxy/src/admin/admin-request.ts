/** A request to the admin port. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What is answered. */
export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** One path of the admin port. */
export interface AdminRoute {
  readonly path: string;
  readonly help: string;
  /** Parameters of the query, with what each does. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** True where the request changes something: only POST is taken. */
  readonly mutates?: boolean;
  handle(request: AdminRequest): AdminResponse | Promise<AdminResponse>;
}

/** Plain text. */
export function text(body: string, status = 200): AdminResponse {
  return { status, contentType: 'text/plain; charset=UTF-8', body };
}

/** JSON on one line, as Envoy writes statistics. */
export function shortJson(value: unknown): AdminResponse {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(value) };
}

/** JSON, indented by one space as Envoy does it. */
export function json(value: unknown, status = 200): AdminResponse {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 1)}\n` };
}

/** What a change that was made is answered with. */
export const done: AdminResponse = text('OK\n');
