/** Most 1xx heads before the answer to one request: an endpoint that sends them for ever keeps its client waiting for ever. */
export const maxInterimHeads = 100;
