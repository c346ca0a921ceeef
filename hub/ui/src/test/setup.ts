/** What every unit test starts from. */

import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// Times are shown in the reader's zone; tests read in UTC.
process.env.TZ = "UTC";

afterEach(() => {
  cleanup();
  localStorage.clear();
});
