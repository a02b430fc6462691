// Bundle theme.js, main.js, main.css and the icon sprite into the console's static files.
// The output folder is replaced whole: what a page can load is exactly what this file writes.
import { build } from "esbuild";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tree = dirname(dirname(fileURLToPath(import.meta.url)));
const project = join(tree, "src/bedside/console/project");
const sources = join(project, "assets");
const finished = join(project, "static/vendor");
const unfinished = `${finished}.new`;
const modules = join(tree, "node_modules");

async function bundle() {
  await build({
    absWorkingDir: tree,
    entryPoints: ["theme.js", "main.js", "main.css"].map((name) => join(sources, name)),
    outdir: unfinished,
    nodePaths: [modules],
    bundle: true,
    minify: true,
    target: ["chrome109", "firefox115", "safari16"],
    loader: { ".woff2": "file", ".svg": "file", ".png": "file" },
    legalComments: "none",
    logLevel: "warning",
  });
}

async function drawSprite() {
  const names = (await readFile(join(sources, "icons.txt"), "utf8"))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  const symbols = await Promise.all(
    names.map(async (name) => {
      const drawing = await readFile(join(modules, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
      const shape = drawing.slice(drawing.indexOf(">", drawing.indexOf("<svg")) + 1, drawing.lastIndexOf("</svg>"));
      return (
        `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"` +
        ` stroke-linecap="round" stroke-linejoin="round">${shape.replace(/\s*\n\s*/g, "")}</symbol>`
      );
    }),
  );
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(join(unfinished, "icons.svg"), sprite);
}

async function collectLicences() {
  const { dependencies } = JSON.parse(await readFile(join(tree, "package.json"), "utf8"));
  const texts = await Promise.all(
    Object.keys(dependencies).map(async (name) => {
      const folder = join(modules, name);
      const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file ? await readFile(join(folder, file), "utf8") : "";
      return `${name} ${version} (${license})\n\n${text}`;
    }),
  );
  await writeFile(join(unfinished, "LICENCES.txt"), texts.join(`\n${"-".repeat(72)}\n\n`));
}

await rm(unfinished, { recursive: true, force: true });
await mkdir(unfinished, { recursive: true });
await bundle();
await drawSprite();
await collectLicences();
await rm(finished, { recursive: true, force: true });
await rename(unfinished, finished);
