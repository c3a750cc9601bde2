import { config } from "./config.js";
import { load, migrate } from "./store.js";

const { storePath } = config();
const applied = migrate(storePath);
for (const name of applied) console.log(`applied: ${name}`);
console.log(`schema ${load(storePath).schemaVersion}${applied.length ? "" : ", nothing to do"}`);
