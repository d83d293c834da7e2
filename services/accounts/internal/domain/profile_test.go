package domain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func TestNewProfileNormalizesTheEmail(t *testing.T) {
	for in, want := range map[string]domain.Email{
		"a@b":                       "a@b",
		"  Ann.Lee@Example.ORG \n":  "Ann.Lee@example.org",
		"\"odd@local\"@EXAMPLE.org": "\"odd@local\"@example.org",
		"ä@ÄÖ.example":              "ä@äö.example",
	} {
		p, err := domain.NewProfile("", in, "")
		if err != nil || p.Email != want {
			t.Errorf("NewProfile(%q) = %q, %v; want %q", in, p.Email, err, want)
		}
	}
}

func TestNewProfileListsEveryViolation(t *testing.T) {
	long := strings.Repeat("é", 1024)
	for _, c := range []struct {
		name, email, address string
		pointers             []string
	}{
		{"", "a@b", "", nil},
		{long, "a@b", long, nil},
		{long + "é", "a@b", long + "é", []string{"/name", "/address"}},
		{"a\x00b", "", "a\nb", []string{"/name", "/email", "/address"}},
		{"\u0085", "@", "\x7f", []string{"/name", "/email", "/address"}},
		{"n", "ab", "", []string{"/email"}},
		{"n", "@b", "", []string{"/email"}},
		{"n", "a@", "", []string{"/email"}},
		{"n", "a\x01@b", "", []string{"/email"}},
		{"n", strings.Repeat("a", 318) + "@b", "", nil},
		{"n", strings.Repeat("a", 319) + "@b", "", []string{"/email"}},
	} {
		_, err := domain.NewProfile(c.name, c.email, c.address)
		var got []string
		if f, ok := errors.AsType[*fault.Error](err); ok {
			for _, v := range f.Violations {
				got = append(got, v.Pointer)
			}
		}
		if diff := cmp.Diff(c.pointers, got); diff != "" {
			t.Errorf("NewProfile(%.20q, %.20q, %.20q) (-want +got):\n%s", c.name, c.email, c.address, diff)
		}
	}
}

func FuzzNewProfile(f *testing.F) {
	f.Add("Ann", " Ann@Example.ORG ", "Street 1")
	f.Add("\x00", "@", strings.Repeat("x", 1025))
	f.Fuzz(func(t *testing.T, name, email, address string) {
		p, err := domain.NewProfile(name, email, address)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("NewProfile(%q, %q, %q) = %v, want Invalid", name, email, address, err)
			}
			return
		}
		again, err := domain.NewProfile(p.Name, string(p.Email), p.Address)
		if err != nil || again != p {
			t.Errorf("a valid profile %v does not stay as it is: %v, %v", p, again, err)
		}
	})
}

func TestProfilePatch(t *testing.T) {
	p, err := domain.NewProfile("Ann", "ann@example.org", "Street 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, email, address *string
		want                 domain.Profile
	}{
		{nil, nil, nil, p},
		{new("Bea"), nil, nil, domain.Profile{"Bea", p.Email, p.Address}},
		{nil, new(" Bea@EXAMPLE.org "), nil, domain.Profile{p.Name, "Bea@example.org", p.Address}},
		{new(""), nil, new(""), domain.Profile{"", p.Email, ""}},
	} {
		patch, err := domain.NewProfilePatch(c.name, c.email, c.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Patched(patch); got != c.want {
			t.Errorf("patched to %+v, want %+v", got, c.want)
		}
	}
	_, err = domain.NewProfilePatch(new("\n"), new("x"), new(strings.Repeat("x", 1025)))
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || len(f.Violations) != 3 {
		t.Errorf("NewProfilePatch = %v, want three violations", err)
	}
}

func TestNormalizeEmailMakesNoASCII(t *testing.T) {
	for given, want := range map[string]domain.Email{
		" Jo@EXAMPLE.Com ":       "Jo@example.com",       //nolint:gocritic // the spaces are the point
		"jo@\u0130nfo.example":   "jo@\u0130nfo.example", // no i
		"jo@\u212aelvin.example": "jo@\u212aelvin.example",
		"jo@\u00dcnal.EXAMPLE":   "jo@\u00fcnal.example",
	} {
		if got := domain.NormalizeEmail(given); got != want {
			t.Errorf("NormalizeEmail(%q) = %q, want %q", given, got, want)
		}
	}
}
