// `node web.mjs PACKAGE MODEL INPUT`: run a model by onnxruntime-web (WASM), and print its outputs as JSON.
// INPUT: a JSON file, {name: {type, dims, data}}. Nothing but the model file is known here.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, model, input] = process.argv.slice(2);
const ort = await import(pathToFileURL(`${folder}/dist/ort.node.min.mjs`));
ort.env.wasm.numThreads = 1;
const kinds = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array };
const feeds = {};
for (const [name, { type, dims, data }] of Object.entries(JSON.parse(await readFile(input)))) {
  const values = kinds[type].from(type === "int64" ? data.map(BigInt) : data);
  feeds[name] = new ort.Tensor(type, values, dims);
}
const session = await ort.InferenceSession.create(await readFile(model), { executionProviders: ["wasm"] });
const outputs = await session.run(feeds);
const plain = (tensor) => ({ dims: tensor.dims, data: Array.from(tensor.data, Number) });
console.log(JSON.stringify(Object.fromEntries(Object.entries(outputs).map(([name, one]) => [name, plain(one)]))));
