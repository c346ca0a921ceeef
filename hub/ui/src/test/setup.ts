/** What every unit test starts from. */

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// Times are shown in the reader's zone; tests read in UTC.
process.env.TZ = "UTC";

// A page is awaited for as long as a busy machine may need to draw it.
configure({ asyncUtilTimeout: 20_000 });

afterEach(() => {
  cleanup();
  localStorage.clear();
});
