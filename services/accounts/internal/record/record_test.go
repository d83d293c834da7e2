package record_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/idempotencytest"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
	"github.com/concha-labs/backend/services/accounts/internal/record"
)

// These were written on 2026-11-29. Records like them are in databases.
const (
	accountJSON = `{"ID":7,"Name":"Ann","Email":"ann@example.com","Address":"Here 1","Image":{"object":"7/IMAGE.png","content_type":"image/png","width":3,"height":2,"size_bytes":99,"sha256":"abc"},"Owner":"key:ann","Version":2,"CreatedAt":"2026-01-02T03:04:05.678901Z","UpdatedAt":"2026-01-02T03:04:06Z"}`
	imageJSON   = `{"object":"7/IMAGE.png","content_type":"image/png","width":3,"height":2,"size_bytes":99,"sha256":"abc"}`
	createdJSON = `{"ID":7,"CreatedAt":"2026-01-02T03:04:05.678901Z","Refused":null}`
	refusedJSON = `{"ID":0,"CreatedAt":"0001-01-01T00:00:00Z","Refused":{"Kind":3,"Code":"email-taken","Detail":"another account has this e-mail; use another one, or change that account","Violations":null,"RetryAfter":0}}`
)

var account = domain.Account{
	ID: 7, Profile: domain.Profile{Name: "Ann", Email: "ann@example.com", Address: "Here 1"},
	Image: &domain.Image{Object: "7/IMAGE.png", ContentType: "image/png", Width: 3, Height: 2, SizeBytes: 99, SHA256: "abc"},
	Meta: resource.Meta{
		Owner: "key:ann", Version: 2,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
	},
}

func TestAccount(t *testing.T) {
	idempotencytest.WantFormat(t, record.OfAccount(account), accountJSON)
	got, found, err := record.Account(idempotency.Recorded{[]byte(accountJSON)})
	if diff := cmp.Diff(account, got); diff != "" || !found || err != nil {
		t.Errorf("Account: %t, %v (-want +got):\n%s", found, err, diff)
	}
}

func TestOutcomes(t *testing.T) {
	outcomes := []app.Outcome{{Result: app.Added{ID: 7, CreatedAt: account.CreatedAt}}, {Refused: domain.ErrEmailTaken}}
	parts := record.OfOutcomes(outcomes)
	idempotencytest.WantFormat(t, parts[0], createdJSON)
	idempotencytest.WantFormat(t, parts[1], refusedJSON)
	got, found, err := record.Outcomes(idempotency.Recorded{[]byte(createdJSON), []byte(refusedJSON), nil})
	outcomes = append(outcomes, app.Outcome{Refused: idempotency.ErrErased})
	if diff := cmp.Diff(outcomes, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" || !found || err != nil {
		t.Errorf("Outcomes: %t, %v (-want +got):\n%s", found, err, diff)
	}
}

func TestImage(t *testing.T) {
	column, err := record.OfImage(account.Image)
	if err != nil || *column != imageJSON {
		t.Errorf("OfImage = %s, %v", *column, err)
	}
	got, err := record.Image(imageJSON)
	if diff := cmp.Diff(account.Image, got); diff != "" || err != nil {
		t.Errorf("Image: %v (-want +got):\n%s", err, diff)
	}
	if column, err := record.OfImage(nil); column != nil || err != nil {
		t.Errorf("OfImage(nil) = %v, %v, want NULL", column, err)
	}
}
