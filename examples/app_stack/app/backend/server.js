import { serve } from "@hono/node-server";
import { createApp } from "./app.js";
import { config } from "./config.js";

const settings = config();
const server = serve({ fetch: createApp(settings).fetch, port: settings.port }, ({ port }) => {
  console.log(`backend of ${settings.environment} listens on ${port}, commit ${settings.commit}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections?.();
    setTimeout(() => process.exit(0), 3000).unref();
  });
}
