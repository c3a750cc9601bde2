import { Hono } from "hono";
import { load, migrations, save } from "./store.js";

export function createApp({ storePath, commit, environment, message }) {
  const app = new Hono();

  app.get("/health", (c) => {
    const schema = load(storePath).schemaVersion;
    const ok = schema === migrations.length;
    return c.json({ status: ok ? "ok" : "migration missing", commit, environment, message, schema_version: schema }, ok ? 200 : 503);
  });

  app.get("/api/notes", (c) => c.json(load(storePath).notes));

  app.post("/api/notes", async (c) => {
    const body = await c.req.json().catch(() => null);
    if (typeof body?.text !== "string" || body.text.trim() === "") return c.json({ error: "text is missing" }, 400);
    const store = load(storePath);
    const note = { text: body.text.trim(), writtenAt: new Date().toISOString() };
    save(storePath, { ...store, notes: [...store.notes, note] });
    return c.json(note, 201);
  });

  return app;
}
