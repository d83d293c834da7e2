package events

import (
	"fmt"
	"strconv"
)

// ETag returns the entity tag of a version of a resource (RFC 9110, section
// 8.8.3).
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ImageURL returns the URL of an account's image, relative to the origin of the
// API. It changes with the content, whose SHA-256 is in lower-case hex.
func ImageURL(accountID int64, sha256 string) string {
	return fmt.Sprintf("/v1/accounts/%d/image?v=%s", accountID, ContentVersion(sha256))
}

// FileURL returns the URL of a session's document, relative to the origin of the
// API. It changes with the content, whose SHA-256 is in lower-case hex.
func FileURL(sessionID int64, sha256 string) string {
	return fmt.Sprintf("/v1/audios/%d/file?v=%s", sessionID, ContentVersion(sha256))
}

// ContentVersion returns the parameter v of ImageURL and FileURL.
func ContentVersion(sha256 string) string { return sha256[:16] }
