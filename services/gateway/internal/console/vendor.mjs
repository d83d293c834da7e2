// Copies preact and htm from node_modules to static/vendor, as modules that a
// browser loads without a bundler, and records their versions and hashes in
// vendored.json. With --check it changes nothing, and fails if they differ.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const sources = {
  "htm.js": { package: "htm", path: "htm/dist/htm.module.js" },
  "htm.LICENSE": { package: "htm", path: "htm/LICENSE" },
  "preact.js": { package: "preact", path: "preact/dist/preact.mjs" },
  "hooks.js": { package: "preact", path: "preact/hooks/dist/hooks.mjs" },
  "preact.LICENSE": { package: "preact", path: "preact/LICENSE" },
};

/**
 * The text of a module as a browser takes it: its imports are paths instead of
 * names of packages, and it names no source map.
 * @param {string} text
 */
function forBrowsers(text) {
  return text.replace(/(from\s*)"preact"/g, '$1"./preact.js"').replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}

const local = (/** @type {string} */ path) => new URL(path, import.meta.url);
const lock = JSON.parse(await readFile(local("package-lock.json"), "utf8"));

/** @type {Map<string, string>} */
const wanted = new Map();
/** @type {Record<string, {package: string, version: string, sha256: string}>} */
const record = {};
for (const [file, source] of Object.entries(sources)) {
  const text = forBrowsers(await readFile(local(`node_modules/${source.path}`), "utf8"));
  wanted.set(`static/vendor/${file}`, text);
  record[file] = {
    package: source.package,
    version: lock.packages[`node_modules/${source.package}`].version,
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}
wanted.set("vendored.json", `${JSON.stringify(record, null, 2)}\n`);

for (const [path, text] of wanted) {
  if (!process.argv.includes("--check")) {
    await writeFile(local(path), text);
  } else if ((await readFile(local(path), "utf8").catch(() => "")) !== text) {
    console.error(`${path} is not that of package-lock.json: run "npm run vendor"`);
    process.exitCode = 1;
  }
}
