// Settings, read once at the start: a process that was not restarted after a deploy shows it.
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

export function config(environment = process.env) {
  return {
    port: Number(environment.BACKEND_PORT || 3001),
    environment: environment.APP_ENV || "local",
    message: environment.APP_MESSAGE || "Hello from the notebook",
    storePath: join(resolve(environment.APP_DATA_DIR || join(here, "..", "data")), "store.json"),
    commit: revision(join(here, "..", "REVISION")),
  };
}

function revision(path) {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "unknown";
  }
}
