// Gives out dist/ and passes /api/ on to the backend. Nothing but Node is needed to run it.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, request } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const dist = join(dirname(fileURLToPath(import.meta.url)), "dist");
const port = Number(process.env.FRONTEND_PORT || 3000);
const backendPort = Number(process.env.BACKEND_PORT || 3001);
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };

function passOn(incoming, outgoing) {
  const { method, url, headers } = incoming;
  const upstream = request({ host: "127.0.0.1", port: backendPort, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  upstream.on("error", () => {
    if (!outgoing.headersSent) outgoing.writeHead(502, { "content-type": "text/plain" });
    outgoing.end("the backend does not answer\n");
  });
  incoming.pipe(upstream);
}

async function giveOut(incoming, outgoing) {
  const fail = (status) => outgoing.writeHead(status, { "content-type": "text/plain" }).end(`${status}\n`);
  if (!["GET", "HEAD"].includes(incoming.method)) return fail(405);
  let path;
  try {
    path = normalize(decodeURIComponent(new URL(incoming.url, "http://frontend").pathname));
  } catch {
    return fail(400);
  }
  const file = join(dist, path === "/" ? "index.html" : path);
  const found = file.startsWith(dist) && !file.includes("\0") ? await stat(file).catch(() => null) : null;
  if (!found?.isFile()) return fail(404);
  outgoing.writeHead(200, {
    "content-type": types[extname(file)] || "application/octet-stream",
    "content-length": found.size,
    "cache-control": "no-cache",
  });
  if (incoming.method === "HEAD") return outgoing.end();
  createReadStream(file).on("error", () => outgoing.destroy()).pipe(outgoing);
}

const server = createServer((incoming, outgoing) => {
  if (incoming.url.startsWith("/api/")) passOn(incoming, outgoing);
  else giveOut(incoming, outgoing).catch(() => outgoing.destroy());
});
server.listen(port, () => console.log(`frontend listens on ${port}`));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 3000).unref();
  });
}
