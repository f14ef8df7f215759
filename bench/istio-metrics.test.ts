import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOfRequests } from './istio-metrics.ts';

test('answers with status 200 are summed over all other labels', () => {
  const metrics = `# TYPE istio_requests_total counter
istio_requests_total{reporter="source",response_code="200",response_flags="-"} 40
istio_requests_total{reporter="destination",response_code="200",response_flags="-"} 2
istio_requests_total{reporter="source",response_code="404",response_flags="NR"} 7
istio_request_bytes_count{response_code="200"} 42
`;
  assert.equal(sumOfRequests(metrics), 42);
  assert.equal(sumOfRequests(''), 0);
});
