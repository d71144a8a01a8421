// Draws every icon named on standard input (lines "set<TAB>icon") as SIZE x SIZE RGBA and writes the raw
// bytes, one drawing after another, to OUT: node data/rasterise.mjs ICON_FOLDER SIZE OUT < list
import { createRequire } from "node:module";
import { readFileSync, openSync, writeSync, closeSync } from "node:fs";
import path from "node:path";

const [folder, sizeText, out] = process.argv.slice(2);
const size = Number(sizeText);
const require = createRequire(path.resolve(folder, "package.json"));
const { Resvg } = require("@resvg/resvg-js");
const sets = new Map();
const file = openSync(out, "w");
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [set, name] = line.split("\t");
  if (!sets.has(set)) sets.set(set, require(`@iconify-json/${set}/icons.json`));
  const data = sets.get(set);
  const icon = data.icons[name];
  const get = (key, otherwise) => icon[key] ?? data[key] ?? otherwise;
  const box = [get("left", 0), get("top", 0), get("width", 16), get("height", 16)];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${box.join(" ")}" width="${size}" height="${size}">${icon.body}</svg>`;
  const image = new Resvg(svg, { fitTo: { mode: "width", value: size } }).render();
  if (image.width !== size || image.height !== size) throw new Error(`${set}:${name} is ${image.width}x${image.height}`);
  writeSync(file, image.pixels); // RGBA; resvg's pixels are premultiplied
}
closeSync(file);
