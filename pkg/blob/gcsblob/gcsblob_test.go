package gcsblob_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/blob/blobtest"
	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/custody/custodytest"
	"github.com/concha-labs/backend/pkg/custody/sqlitecustody"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

const bucket = "objects"

// TestMain clears the environment variable that would direct clients to another
// backend.
func TestMain(m *testing.M) {
	_ = os.Unsetenv("STORAGE_EMULATOR_HOST")
	os.Exit(m.Run())
}

// Over a network, with the same client as in production.
func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return overNetwork(t) })
	t.Run("marker", func(t *testing.T) { blobtest.RunMarker(t, overNetwork(t)) })
}

func TestCustody(t *testing.T) {
	custodytest.Run(t, custodytest.Backend{
		Database: func(t *testing.T) custody.Database {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlitecustody.Migrations())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return sqlitecustody.New(db)
		},
		Objects: func(t *testing.T) custodytest.Objects { return overNetwork(t) },
	})
}

func overNetwork(t *testing.T) *gcsblob.Store {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	host := fmt.Sprintf("127.0.0.1:%d", port)
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		Scheme: "http", Host: "127.0.0.1", Port: uint16(port), PublicHost: host, ExternalURL: "http://" + host,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("STORAGE_EMULATOR_HOST", host)
	client, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return provisioned(t, client)
}

func TestProvisionMakesAPrivateBucketOnce(t *testing.T) {
	backend := fake(t)
	var body map[string]any
	client := newClient(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost && body == nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if err := json.Unmarshal(b, &body); err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(strings.NewReader(string(b)))
		}
		return backend(r)
	})
	for _, want := range []bool{true, false, false} {
		created, err := gcsblob.Provision(t.Context(), client, "project", bucket)
		if err != nil || created != want {
			t.Errorf("Provision = %v, %v, want %v", created, err, want)
		}
	}
	delete(body, "lifecycle") // contains no rules
	want := map[string]any{
		"name":     bucket,
		"location": "US", // the default of the client
		"iamConfiguration": map[string]any{
			"uniformBucketLevelAccess": map[string]any{"enabled": true},
			"publicAccessPrevention":   "enforced",
		},
		"softDeletePolicy": map[string]any{"retentionDurationSeconds": "0"},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("bucket (-want +got):\n%s", diff)
	}
}

func TestProvisionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, begun := fake(t), time.Now()
		client := newClient(t, func(r *http.Request) (*http.Response, error) {
			if time.Since(begun) < 20*time.Second {
				return nil, syscall.ECONNREFUSED
			}
			return backend(r)
		})
		if created, err := gcsblob.Provision(t.Context(), client, "project", bucket); !created || err != nil {
			t.Errorf("Provision = %v, %v", created, err)
		}
	})
}

func TestProvisionRefusesAStrangersBucket(t *testing.T) {
	client := newClient(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return response(http.StatusConflict), nil
		}
		return response(http.StatusForbidden), nil
	})
	created, err := gcsblob.Provision(t.Context(), client, "project", bucket)
	if created || !errors.Is(err, blob.ErrUnavailable) {
		t.Errorf("Provision = %v, %v, want ErrUnavailable", created, err)
	}
}

func TestObjectsAreLabelled(t *testing.T) {
	client := newClient(t, fake(t))
	if err := provisioned(t, client).Put(t.Context(), "1/a", "image/png", strings.NewReader("no image")); err != nil {
		t.Fatal(err)
	}
	attrs, err := client.Bucket(bucket).Object("1/a").Attrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if attrs.ContentType != "image/png" || attrs.CacheControl != "private" {
		t.Errorf("content type %q, cache control %q", attrs.ContentType, attrs.CacheControl)
	}
}

// A Put whose first answer is lost finds its own object.
func TestPutWhoseAnswerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := fake(t)
		lost := false
		s := provisioned(t, newClient(t, func(r *http.Request) (*http.Response, error) {
			resp, err := backend(r)
			if err == nil && !lost && strings.HasPrefix(r.URL.Path, "/upload/") {
				lost = true
				return response(http.StatusServiceUnavailable), nil
			}
			return resp, err
		}))
		if err := s.Put(t.Context(), "a", "", strings.NewReader("content")); err != nil || !lost {
			t.Errorf("Put: %v, an answer was lost: %v", err, lost)
		}
		if got := content(t, s, "a"); got != "content" {
			t.Errorf("content is %q", got)
		}
		if err := s.Put(t.Context(), "a", "", strings.NewReader("content")); !errors.Is(err, blob.ErrExists) {
			t.Errorf("Put of the same again: %v, want ErrExists", err)
		}
	})
}

func TestTransientFailuresAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := fake(t)
		var n atomic.Int32
		client := newClient(t, func(r *http.Request) (*http.Response, error) {
			if n.Add(1)%2 == 1 {
				return response(http.StatusServiceUnavailable), nil
			}
			return backend(r)
		})
		s := provisioned(t, client)
		if err := s.Put(t.Context(), "a", "", strings.NewReader("content")); err != nil {
			t.Errorf("Put: %v", err)
		}
		if got := content(t, s, "a"); got != "content" {
			t.Errorf("content is %q", got)
		}
		if err := s.Delete(t.Context(), "a"); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})
}

func TestDamagedContentIsRefused(t *testing.T) {
	backend := fake(t)
	s := provisioned(t, newClient(t, func(r *http.Request) (*http.Response, error) {
		resp, err := backend(r)
		if err == nil && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/a") {
			resp.Body = io.NopCloser(strings.NewReader("c0ntent"))
		}
		return resp, err
	}))
	if err := s.Put(t.Context(), "a", "", strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); !errors.Is(err, blob.ErrUnavailable) {
		t.Errorf("read %q, %v, want ErrUnavailable", b, err)
	}
}

func TestUploadsCarryTheirChecksum(t *testing.T) {
	sum := crc32.Checksum([]byte("content"), crc32.MakeTable(crc32.Castagnoli))
	checksum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
	backend := fake(t)
	s := provisioned(t, newClient(t, func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/upload/") {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if !strings.Contains(string(b), `"crc32c":"`+checksum+`"`) {
				t.Errorf("no checksum %s in %s", checksum, b)
			}
			r.Body = io.NopCloser(strings.NewReader(string(b)))
		}
		return backend(r)
	}))
	if err := s.Put(t.Context(), "a", "", strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
}

func TestListSkipsWhatIsNoObjectOfOurs(t *testing.T) {
	client := newClient(t, fake(t))
	s := provisioned(t, client)
	w := client.Bucket(bucket).Object("folder/").NewWriter(t.Context())
	if err := errors.Join(w.Close(), s.Put(t.Context(), "a", "", strings.NewReader(""))); err != nil {
		t.Fatal(err)
	}
	err := s.List(t.Context(), "", time.Time{}, time.Now().Add(time.Hour), func(name string) error {
		if name != "a" {
			t.Errorf("listed %q", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMissingBucket(t *testing.T) {
	s := gcsblob.New(newClient(t, fake(t)), "none")
	_, opened := s.Open(t.Context(), "a")
	for operation, err := range map[string]error{
		"Check":  s.Check(t.Context()),
		"Put":    s.Put(t.Context(), "a", "", strings.NewReader("content")),
		"Open":   opened,
		"Delete": s.Delete(t.Context(), "a"),
		"List":   s.List(t.Context(), "", time.Time{}, time.Now(), func(string) error { return nil }),
	} {
		if !errors.Is(err, blob.ErrUnavailable) || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s: %v, want ErrUnavailable", operation, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fake returns the transport to an empty in-memory Cloud Storage.
func fake(t *testing.T) roundTripper {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.HTTPClient().Transport.RoundTrip
}

func newClient(t *testing.T, transport roundTripper) *storage.Client {
	t.Helper()
	client, err := storage.NewClient(t.Context(), option.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func provisioned(t *testing.T, client *storage.Client) *gcsblob.Store {
	t.Helper()
	if _, err := gcsblob.Provision(t.Context(), client, "project", bucket); err != nil {
		t.Fatal(err)
	}
	return gcsblob.New(client, bucket)
}

func response(status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody,
	}
}

func content(t *testing.T, s *gcsblob.Store, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
