// Licences of everything that is inside the binary, crates and npm packages, with their texts: node deploy/licenses.mjs
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = new URL("..", import.meta.url).pathname;

/** Texts of the licence files in a folder, by file name. */
function texts(folder) {
  const wanted = /^(licen[cs]e|copying|notice|unlicense)/i;
  const files = readdirSync(folder, { withFileTypes: true }).filter((file) => file.isFile() && wanted.test(file.name));
  return files.map((file) => readFileSync(join(folder, file.name), "utf8").trim());
}

function crates() {
  const host = /host: (\S+)/.exec(execFileSync("rustc", ["-vV"], { encoding: "utf8" }))[1];
  const arguments_ = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
  const metadata = JSON.parse(
    execFileSync("cargo", arguments_, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 }),
  );
  const packages = new Map(metadata.packages.map((one) => [one.id, one]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const seen = new Set();
  // What only builds or tests is not in the binary.
  const walk = (id) => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) walk(pkg);
    }
  };
  walk(metadata.resolve.root);
  seen.delete(metadata.resolve.root);
  return [...seen].map((id) => {
    const { name, version, license, manifest_path } = packages.get(id);
    return { name, version, license, texts: texts(dirname(manifest_path)) };
  });
}

function npm() {
  const lock = JSON.parse(readFileSync(join(root, "web/package-lock.json"), "utf8"));
  const inside = Object.entries(lock.packages).filter(([path, one]) => path !== "" && !one.dev && !one.optional);
  return inside.map(([path, { version, license }]) => ({
    name: path.replace(/^.*node_modules\//, ""),
    version,
    license,
    texts: texts(join(root, "web", path)),
  }));
}

const all = [...crates(), ...npm()].sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
const bare = all.filter((one) => !one.license && one.texts.length === 0);
if (bare.length > 0) {
  console.error(`without a licence: ${bare.map((one) => one.name).join(", ")}`);
  process.exit(1);
}
console.log("Kaijiang contains these packages, each under its own licence.\n");
for (const { name, version, license } of all) console.log(`${name} ${version}: ${license ?? "see its text"}`);
// Most have the same few texts: each stands once, with whom it belongs to.
const owners = new Map();
for (const { name, version, texts: found } of all) {
  for (const text of found) owners.set(text, [...(owners.get(text) ?? []), `${name} ${version}`]);
}
for (const [text, names] of owners) console.log(`\n${"=".repeat(100)}\n${names.join(", ")}\n${text}`);
