// Makes src/schema.ts from the OpenAPI document; with --check, fails unless it
// is that already. What is binary is a Blob, which the command line of
// openapi-typescript cannot be told.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import ts from "typescript";

const file = new URL("src/schema.ts", import.meta.url);
const document = new URL("../../services/gateway/openapi.yaml", import.meta.url);
const types = await openapiTS(document, {
  silent: true,
  transform: (schema) => (schema.format === "binary" ? ts.factory.createTypeReferenceNode("Blob") : undefined),
});
const text = COMMENT_HEADER + astToString(types);
if (!process.argv.includes("--check")) {
  await writeFile(file, text);
} else if (text !== (await readFile(file, "utf8"))) {
  throw new Error('src/schema.ts is not that of openapi.yaml: run "make generate"');
}
