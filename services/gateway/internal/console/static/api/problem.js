/**
 * A failure: the problem document of the API, or one of the same form for what
 * went wrong on the way.
 */
export class Problem extends Error {
  /** @param {{type?: string, title: string, status?: number, detail?: string, instance?: string, errors?: {pointer: string, detail: string}[]}} document */
  constructor({ type = "", title, status = 0, detail = "", instance = "", errors = [] }) {
    super(title);
    this.type = type;
    this.title = title;
    /** That of the answer; 0 if there was none. */
    this.status = status;
    this.detail = detail;
    /** The id of the request, by which the logs know it. */
    this.requestId = instance.replace(/^urn:request:/, "");
    this.errors = errors;
  }

  /** The last segment of the type, by which programs decide. */
  get name() {
    return this.type.split("/").at(-1) ?? "";
  }

  /** Whether the server could not be reached, or did not answer as it should. */
  get isOutage() {
    return this.status === 0 || this.status >= 502;
  }
}

/**
 * The problem in an answer that is none of success.
 * @param {number} status
 * @param {string} contentType
 * @param {string} text
 */
export function problemOf(status, contentType, text) {
  if (contentType.startsWith("application/problem+json")) {
    return new Problem(JSON.parse(text));
  }
  return new Problem({ title: `The server answered with status ${status}`, status, detail: text.slice(0, 200) });
}

/**
 * The problem of a request that had no answer.
 * @param {unknown} error
 */
export function outage(error) {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new Problem({
      title: "The server did not answer in time",
      detail: "It may be busy, or the connection may be lost.",
    });
  }
  return new Problem({
    title: "The server cannot be reached",
    detail: "It may have been stopped, or the connection may be lost.",
  });
}

/**
 * Whether a request was given up by this page itself.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
