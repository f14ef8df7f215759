import assert from 'node:assert/strict';
import { GrpcError } from '../index.ts';

/** The error of a call that must fail. */
export async function rejection(promise: Promise<unknown>): Promise<GrpcError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof GrpcError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'did not fail' });
}
