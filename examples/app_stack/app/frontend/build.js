// Builds dist/: the bundled script, the page, and in both what the page shows of its build.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const fresh = join(here, "dist.new");

const settings = {
  environment: process.env.APP_ENV || "local",
  message: process.env.APP_MESSAGE || "Hello from the notebook",
  commit: revision(),
};

function revision() {
  try {
    return readFileSync(join(here, "..", "REVISION"), "utf8").trim();
  } catch {
    return "unknown";
  }
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh);
await build({
  entryPoints: [join(here, "src", "main.js")],
  outfile: join(fresh, "app.js"),
  bundle: true,
  minify: true,
  target: "es2020",
  define: { BUILD: JSON.stringify(settings) },
  logLevel: "warning",
});
cpSync(join(here, "src", "style.css"), join(fresh, "style.css"));
const page = readFileSync(join(here, "src", "index.html"), "utf8");
writeFileSync(join(fresh, "index.html"), page.replace(/\{\{(\w+)\}\}/g, (_, name) => escape(settings[name])));

// The running server gives out the old build until the new one is complete.
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
console.log(`built ${settings.commit} for ${settings.environment}`);
