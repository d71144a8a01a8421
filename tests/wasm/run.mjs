// Runs the metric cases that were compiled to wasm: node tests/wasm/run.mjs FILE.wasm
import { readFile } from "node:fs/promises";

const module = await WebAssembly.compile(await readFile(process.argv[2]));
// What draws brings wasm-bindgen along, which nothing here calls.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => {
    throw new Error(`${from}.${name} was called`);
  };
}
const instance = await WebAssembly.instantiate(module, imports);
const { memory, message, message_len, run } = instance.exports;

let outcome = 0;
try {
  outcome = run();
} catch (trap) {
  console.error(String(trap));
}
console.log(new TextDecoder().decode(new Uint8Array(memory.buffer, message(), message_len())));
process.exit(outcome > 0 ? 0 : 1);
