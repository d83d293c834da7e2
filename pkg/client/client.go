// Package client is a client of the v1 API, generated from its OpenAPI
// document (services/gateway/openapi.yaml) by "make generate". A
// [ClientWithResponses] has a method for each operation, whose result has a
// member for each status the document allows, such as JSON201, of which the
// one that came is not nil; every failure is a [Problem]. An error is returned
// only if there was no answer or it could not be read, unless [WithErrors] has
// failures be errors, too.
package client
