import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createApp } from "./app.js";
import { load, migrate, migrations, save } from "./store.js";

function fresh() {
  return join(mkdtempSync(join(tmpdir(), "notebook-")), "store.json");
}

test("migrations run once, in order", () => {
  const path = fresh();
  assert.equal(migrate(path).length, migrations.length);
  assert.deepEqual(migrate(path), []);
  assert.equal(load(path).schemaVersion, migrations.length);
});

test("notes of an older schema are kept", () => {
  const path = fresh();
  save(path, { schemaVersion: 1, notes: [{ text: "old" }] });
  migrate(path);
  assert.deepEqual(load(path).notes, [{ writtenAt: null, text: "old" }]);
});

test("a store of a newer schema is refused", () => {
  const path = fresh();
  save(path, { schemaVersion: migrations.length + 1 });
  assert.throws(() => migrate(path), /newer/);
});

test("health tells of a migration that is missing", async () => {
  const storePath = fresh();
  const app = createApp({ storePath, commit: "c0ffee", environment: "test", message: "hi" });
  assert.equal((await app.request("/health")).status, 503);
  migrate(storePath);
  const health = await (await app.request("/health")).json();
  assert.equal(health.status, "ok");
  assert.equal(health.commit, "c0ffee");
});

test("notes are written and read", async () => {
  const storePath = fresh();
  migrate(storePath);
  const app = createApp({ storePath, commit: "", environment: "test", message: "" });
  const post = (body) => app.request("/api/notes", { method: "POST", headers: { "content-type": "application/json" }, body });
  assert.equal((await post('{"text": "hello"}')).status, 201);
  assert.equal((await post('{"text": " "}')).status, 400);
  assert.equal((await post("nonsense")).status, 400);
  assert.deepEqual((await (await app.request("/api/notes")).json()).map((note) => note.text), ["hello"]);
});
