// A store in one JSON file with the version of its schema in it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

// Each migration takes the store from the version that is its index to the next one.
export const migrations = [
  { name: "notes", up: (store) => ({ ...store, notes: [] }) },
  { name: "notes know when they were written", up: (store) => ({ ...store, notes: store.notes.map((note) => ({ writtenAt: null, ...note })) }) },
];

export function load(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return { schemaVersion: 0 };
    throw error;
  }
}

// Through a rename: a store that is half written would be no store at all.
export function save(path, store) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(store, null, 2)}\n`, { mode: 0o640 });
  renameSync(`${path}.new`, path);
}

// Returns the names of the migrations that were applied.
export function migrate(path) {
  let store = load(path);
  if (store.schemaVersion > migrations.length) {
    throw new Error(`the store has schema ${store.schemaVersion}, this code knows ${migrations.length}: it was written by a newer one`);
  }
  const pending = migrations.slice(store.schemaVersion);
  for (const migration of pending) {
    store = { ...migration.up(store), schemaVersion: store.schemaVersion + 1 };
    save(path, store);
  }
  return pending.map((migration) => migration.name);
}
