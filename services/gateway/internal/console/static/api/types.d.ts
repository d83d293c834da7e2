// The types of the API, as generated from its OpenAPI document.
import type { components } from "../../../../../../clients/typescript/src/schema.ts";

type Schemas = components["schemas"];

export type Account = Schemas["Account"];
export type Session = Schemas["Audio"];
export type ChangeEvent = Schemas["AccountEvent"] | Schemas["AudioEvent"];
export type Collection = "accounts" | "audios";

/** What an event says, whichever kind it is of. */
export interface EventData {
  resource?: Record<string, unknown>;
  changed_fields?: string[];
  request_id?: string;
  redacted?: true;
}
