// The latest requests of this tab, each to be repeated with curl.
import { Store } from "./store.js";

/**
 * @typedef {object} Request
 * @property {number} key
 * @property {string} method
 * @property {string} path with the query
 * @property {[string, string][]} headers
 * @property {string | null} body its text; null if it has none, or is a file
 * @property {string} file the name of the file that is its body, or ""
 * @property {number} started in milliseconds
 * @property {number} status 0 until there is an answer
 * @property {number} milliseconds until the answer began
 * @property {string} requestId
 */

const kept = 50;

/** The newest first. */
export const requests = new Store(/** @type {Request[]} */ ([]));

let nextKey = 1;

/**
 * Notes a request that begins.
 * @param {Pick<Request, "method" | "path" | "headers"> & Partial<Pick<Request, "body" | "file">> & {unlisted?: boolean}} request
 * @returns {Request}
 */
export function begin({ method, path, headers, body = null, file = "", unlisted = false }) {
  const request = {
    key: nextKey++,
    ...{ method, path, headers, body, file },
    started: Date.now(),
    status: 0,
    milliseconds: 0,
    requestId: "",
  };
  if (!unlisted) {
    requests.set([request, ...requests.value.slice(0, kept - 1)]);
  }
  return request;
}

/**
 * Notes its answer.
 * @param {Request} request
 * @param {number} status
 * @param {string} requestId
 */
export function answered(request, status, requestId) {
  Object.assign(request, { status, requestId, milliseconds: Date.now() - request.started });
  requests.set([...requests.value]);
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The command that sends a request. It reads the credential from the variable
 * CONCHA_KEY, so that the command can be shared.
 * @param {Pick<Request, "method" | "path" | "headers" | "body" | "file">} request
 */
export function curl({ method, path, headers, body, file }) {
  const parts = [`curl -sS ${quoted(location.origin + path)}`];
  if (method !== "GET") {
    parts.push(`-X ${method}`);
  }
  for (const [name, value] of headers) {
    parts.push(
      name === "Authorization" ? '-H "Authorization: Bearer $CONCHA_KEY"' : `-H ${quoted(`${name}: ${value}`)}`,
    );
  }
  if (body !== null) {
    parts.push(`--data-raw ${quoted(body)}`);
  } else if (file) {
    parts.push(`--data-binary ${quoted(`@${file}`)}`);
  }
  return parts.join(" \\\n  ");
}
