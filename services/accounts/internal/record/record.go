// Package record is the JSON in which both stores keep images, and the results
// of requests with an Idempotency-Key. The JSON names are a storage format: they
// never change, whatever the fields of the domain are called.
package record

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

type account struct {
	ID        int64     `json:"ID"`
	Name      string    `json:"Name"`
	Email     string    `json:"Email"`
	Address   string    `json:"Address"`
	Image     *image    `json:"Image"`
	Owner     string    `json:"Owner"`
	Version   int64     `json:"Version"`
	CreatedAt time.Time `json:"CreatedAt"`
	UpdatedAt time.Time `json:"UpdatedAt"`
}

type image struct {
	Object      string `json:"object"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	SizeBytes   int64  `json:"size_bytes"`
	SHA256      string `json:"sha256"`
}

type outcome struct {
	ID        int64                `json:"ID"`
	CreatedAt time.Time            `json:"CreatedAt"`
	Refused   *idempotency.Refusal `json:"Refused"`
}

// OfAccount returns an account as the result of a request.
func OfAccount(a domain.Account) idempotency.Part {
	return idempotency.Part{Subject: app.Subject(a.ID), Result: account{
		a.ID, a.Name, string(a.Email), a.Address, (*image)(a.Image), a.Owner, a.Version, a.CreatedAt, a.UpdatedAt,
	}}
}

// Account returns the account that is recorded as the result of a request. found
// reports whether there is a record. Errors: idempotency.ErrErased.
func Account(recorded idempotency.Recorded) (a domain.Account, found bool, err error) {
	var r account
	if found, err = recorded.One(&r); err != nil || !found {
		return domain.Account{}, found, err
	}
	return domain.Account{
		ID: r.ID, Profile: domain.Profile{Name: r.Name, Email: domain.Email(r.Email), Address: r.Address},
		Image: (*domain.Image)(r.Image), Meta: resource.Meta{Owner: r.Owner, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt},
	}, true, nil
}

// OfOutcomes returns the outcomes of a batch as the result of a request.
func OfOutcomes(outcomes []app.Outcome) []idempotency.Part {
	return idempotency.OfOutcomes(outcomes, func(a app.Added, refused *idempotency.Refusal) idempotency.Part {
		return idempotency.Part{Subject: app.Subject(a.ID), Result: outcome{a.ID, a.CreatedAt, refused}}
	})
}

// Outcomes returns the outcomes that are recorded as the result of a request; see
// idempotency.Outcomes.
func Outcomes(recorded idempotency.Recorded) (outcomes []app.Outcome, found bool, err error) {
	return idempotency.Outcomes(recorded, func(o outcome) (app.Added, *idempotency.Refusal) {
		return app.Added{ID: o.ID, CreatedAt: o.CreatedAt}, o.Refused
	})
}

// OfImage returns the column of an image; nil, for NULL, if img is nil.
func OfImage(img *domain.Image) (column *string, err error) {
	if img == nil {
		return nil, nil //nolint:nilnil // NULL
	}
	b, err := json.Marshal(image(*img))
	if err != nil {
		return nil, fmt.Errorf("encode image: %w", err)
	}
	return new(string(b)), nil
}

// Image returns the image in a column, which is not NULL.
func Image(column string) (*domain.Image, error) {
	var img image
	if err := json.Unmarshal([]byte(column), &img); err != nil {
		return nil, fmt.Errorf("decode image: %w", err)
	}
	return (*domain.Image)(&img), nil
}
