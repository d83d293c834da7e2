import { noteDate } from "./clock.js";
import { lost } from "./connection.js";
import { authorization, mustSignIn } from "./credential.js";
import { isAbort, outage, Problem, problemOf } from "./problem.js";
import { answered, begin } from "./requests.js";

/**
 * @typedef {object} CallOptions
 * @property {Record<string, string | number | boolean | null | undefined>} [query] parameters; those without a value are left out
 * @property {Record<string, string>} [headers]
 * @property {unknown} [body] sent as JSON
 * @property {string} [contentType] of the body, if it is not application/json
 * @property {AbortSignal} [signal] gives the request up
 * @property {number} [timeout] in milliseconds until the answer is whole
 * @property {boolean} [unlisted] keeps the request from the list of requests
 */

/**
 * Paths and parameters as one text.
 * @param {string} path
 * @param {CallOptions["query"]} [query]
 */
export function withQuery(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") {
      parameters.append(name, String(value));
    }
  }
  const text = parameters.toString();
  return path + (text && `?${text}`);
}

/**
 * Begins a request and returns its answer, once that has begun and is a
 * success. Fails with a Problem, or with an AbortError if the signal says so.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Response>}
 */
export async function open(method, path, { query, headers = {}, body, contentType, signal, unlisted } = {}) {
  /** @type {[string, string][]} */
  const all = [...Object.entries(headers), ...authorization()];
  const text = body === undefined ? null : JSON.stringify(body);
  if (text !== null) {
    all.push(["Content-Type", contentType ?? "application/json"]);
  }
  const request = begin({ method, path: withQuery(path, query), headers: all, body: text, unlisted });
  let answer;
  try {
    answer = await fetch(request.path, { method, headers: all, body: text, signal, redirect: "error" });
  } catch (error) {
    if (isAbort(error)) {
      throw error;
    }
    lost();
    throw outage(error);
  }
  noteDate(answer.headers.get("Date"));
  answered(request, answer.status, answer.headers.get("X-Request-Id") ?? "");
  if (!answer.ok) {
    throw await failure(answer);
  }
  return answer;
}

/**
 * The problem of an answer that is none of success.
 * @param {Response} answer
 */
async function failure(answer) {
  if (answer.status === 401) {
    mustSignIn.set(true);
  }
  const text = await answer.text().catch(() => "");
  const problem = problemOf(answer.status, answer.headers.get("Content-Type") ?? "", text);
  if (problem.isOutage) {
    lost();
  }
  return problem;
}

/**
 * Sends a request and returns the JSON of its answer, null if it has none, and
 * the headers.
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<{data: T, headers: Headers}>}
 */
export async function call(method, path, options = {}) {
  const limit = AbortSignal.timeout(options.timeout ?? 20_000);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  const answer = await open(method, path, { ...options, signal });
  try {
    const text = await answer.text();
    return { data: text ? JSON.parse(text) : null, headers: answer.headers };
  } catch (error) {
    if (isAbort(error)) {
      throw error;
    }
    throw error instanceof SyntaxError ? new Problem({ title: "The answer is not JSON" }) : outage(error);
  }
}
