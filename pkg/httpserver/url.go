package httpserver

import "net/http"

// PublicURL returns the origin under which the client uses the API, such as
// "https://api.example.com". It uses X-Forwarded-Proto and X-Forwarded-Host,
// which the gateway sets and does not accept from clients, and otherwise the
// request itself. It is "" if the request has no host, which Process prevents.
func PublicURL(r *http.Request) string {
	host := r.Header.Get("X-Forwarded-Host")
	if host == "" {
		host = r.Host
	}
	if host == "" {
		return ""
	}
	switch scheme := r.Header.Get("X-Forwarded-Proto"); {
	case scheme == "http" || scheme == "https":
		return scheme + "://" + host
	case r.TLS != nil:
		return "https://" + host
	}
	return "http://" + host
}
