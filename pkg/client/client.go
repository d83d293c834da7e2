// Package client is a client of the v1 API. It is generated from the OpenAPI
// document (services/gateway/openapi.yaml) by "make generate".
//
// A [ClientWithResponses] has a method for each operation. The result has a
// member for each status in the document, such as JSON201; the member of the
// actual status is not nil. Every failure is a [Problem]. A method returns an
// error only if there was no answer or the answer could not be read. With
// [WithErrors], failures are errors too. [WithToken] and [WithTokenSource] send
// a credential.
package client
