import createClient, { type Client, type ClientOptions } from "openapi-fetch";

import type { components, paths } from "./schema.ts";

export type { components, operations, paths } from "./schema.ts";

export type Account = components["schemas"]["Account"];
export type Audio = components["schemas"]["Audio"];
export type Problem = components["schemas"]["Problem"];

/** A client of the Concha API. Answers are `{ data, error, response }`; it throws only if there is no answer. */
export function createConchaClient(options: ClientOptions & { baseUrl: string }): Client<paths> {
  return createClient<paths>(options);
}
