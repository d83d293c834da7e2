import createClient, { mergeHeaders, type Client, type ClientOptions, type FetchOptions } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

export type Account = components["schemas"]["Account"];
export type Audio = components["schemas"]["Audio"];
export type Problem = components["schemas"]["Problem"];

export type ConchaClient = Client<paths>;

/**
 * A client of the Concha API. Answers are `{ data, error, response }`; it throws only if there is no answer.
 *
 * A body with a `Blob` as a member is sent as a form, any other object as JSON; what `fetch` takes by itself (a
 * `Blob`, a string, bytes, a stream) is sent as it is, with the type of the `Blob` as its `Content-Type`. What is
 * answered is read as JSON: an image needs `parseAs: "blob"`, an export {@link exportItems}.
 */
export function createConchaClient(options: ClientOptions & { baseUrl: string }): ConchaClient {
  const streams = { duplex: "half" }; // which Node asks for with a body that is a stream
  const client = createClient<paths>({
    ...streams,
    querySerializer: { array: { style: "form", explode: false } },
    bodySerializer: serialize,
    ...options,
    // No type by default, so that it is that of the body.
    headers: { "content-type": null, ...Object.fromEntries(mergeHeaders(options.headers)) },
  });
  client.use({
    onRequest({ request }) {
      if (request.method === "PATCH" && request.headers.get("Content-Type") === json) {
        request.headers.set("Content-Type", "application/merge-patch+json");
      }
    },
  });
  return client;
}

const json = "application/json";

function serialize(body: unknown): unknown {
  if (typeof body === "string" || ArrayBuffer.isView(body)) {
    return body;
  }
  if ([ArrayBuffer, Blob, FormData, ReadableStream, URLSearchParams].some((type) => body instanceof type)) {
    return body;
  }
  const members = Object.entries(body as object);
  if (!members.some(([, value]) => value instanceof Blob)) {
    return new Blob([JSON.stringify(body)], { type: json });
  }
  const form = new FormData();
  for (const [name, value] of members) {
    form.append(name, value);
  }
  return form;
}

/** A failure that ends an iteration. */
export class ProblemError extends Error {
  /** @param problem What the answer tells; absent if it was not the API that answered. */
  constructor(
    readonly response: Response,
    readonly problem?: Problem,
  ) {
    const faults = problem?.errors?.map((fault) => `${fault.pointer} ${fault.detail}`) ?? [];
    super([problem?.detail ?? `the answer is ${response.status} ${response.statusText}`, ...faults].join("; "));
    this.name = "ProblemError";
  }
}

type Get<Path extends keyof paths> = paths[Path] extends { get: infer Operation } ? Operation : never;
type Options<Path extends keyof paths> = Omit<FetchOptions<Get<Path>>, "parseAs">;
type Answer = { data?: unknown; error?: unknown; response: Response };
type Send = (path: string, options: object) => Promise<Answer>;

async function get(client: ConchaClient, path: string, options: object): Promise<unknown> {
  const { data, error, response } = await (client.GET as unknown as Send)(path, options);
  if (!response.ok) {
    throw new ProblemError(response, typeof error === "object" ? (error as Problem) : undefined);
  }
  return data;
}

type Lists = { "/v1/accounts": Account; "/v1/audios": Audio };

/**
 * Yields the items of a list, page after page, from its `page_token` if there is one. Each page is asked for when the
 * one before is used up. Throws a {@link ProblemError} for a failure.
 */
export async function* listItems<Path extends keyof Lists>(
  client: ConchaClient,
  path: Path,
  options: Options<Path> = {} as Options<Path>,
): AsyncGenerator<Lists[Path], void, undefined> {
  const query: Record<string, unknown> = { ...options.params?.query };
  do {
    const page = (await get(client, path, { ...options, params: { query } })) as {
      items: Lists[Path][];
      next_page_token: string;
    };
    yield* page.items;
    query["page_token"] = page.next_page_token;
  } while (query["page_token"]);
}

type Exports = { "/v1/accounts:export": Account; "/v1/audios:export": Audio };

/**
 * Yields the items of an export as they come. Throws a {@link ProblemError} for a failure, and what `fetch` throws if
 * the connection breaks: an export that ends without an error is whole.
 */
export async function* exportItems<Path extends keyof Exports>(
  client: ConchaClient,
  path: Path,
  options: Options<Path> = {} as Options<Path>,
): AsyncGenerator<Exports[Path], void, undefined> {
  const stream = (await get(client, path, { ...options, parseAs: "stream" })) as ReadableStream<BufferSource> | null;
  if (!stream) {
    return; // there is nothing
  }
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let rest = "";
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const lines = (rest + chunk.value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        yield JSON.parse(line) as Exports[Path];
      }
    }
  } finally {
    await reader.cancel(); // or it has ended
  }
}
