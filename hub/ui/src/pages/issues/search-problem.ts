/** Only what the hub says of the query itself belongs under it. */

import { ApiError } from "../../api/client.ts";

export function queryProblem(error: Error | null): ApiError | null {
  return error instanceof ApiError && error.status === 400 && error.span ? error : null;
}
