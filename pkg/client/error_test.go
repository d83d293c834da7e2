package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWithErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		want   string // the text after the request; "": no error
	}{
		"a problem": {404, `{"title":"t","status":404,"detail":"there is no such account"}`, "404 Not Found: there is no such account"},
		"faults": {
			400, `{"detail":"it breaks rules","errors":[{"pointer":"/name","detail":"is required"},{"pointer":"ids","detail":"must not be empty"}]}`,
			"400 Bad Request: it breaks rules; /name is required; ids must not be empty",
		},
		"not of the API": {502, "<p>no service</p>\n", "502 Bad Gateway: <p>no service</p>"},
		"other JSON":     {503, `{"detail":""}`, `503 Service Unavailable: {"detail":""}`},
		"nothing":        {504, "", "504 Gateway Timeout"},
		"not modified":   {304, "", ""},
		"success":        {200, `{"id":1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			c, err := NewClientWithResponses(server.URL, WithHTTPClient(server.Client()), WithErrors())
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.GetAccountWithResponse(t.Context(), 1, nil)
			if test.want == "" {
				if err != nil || got.StatusCode() != test.status {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			failure, ok := errors.AsType[*Error](err)
			if want := "GET " + server.URL + "/v1/accounts/1 is answered " + test.want; !ok || err.Error() != want || failure.StatusCode != test.status {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}
