// Runs the metric cases that were compiled to wasm: node tests/wasm/run.mjs FILE.wasm
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
const { memory, message, message_len, run } = instance.exports;

let outcome = 0;
try {
  outcome = run();
} catch (trap) {
  console.error(String(trap));
}
console.log(new TextDecoder().decode(new Uint8Array(memory.buffer, message(), message_len())));
process.exit(outcome > 0 ? 0 : 1);
