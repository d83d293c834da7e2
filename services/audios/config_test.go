package audios_test

import (
	"testing"

	"github.com/concha-labs/backend/services/audios"
)

func TestAccountsAPINeedsItsURLButNotYetItsFile(t *testing.T) {
	const file = "/no/such/file"
	if problems := (audios.AccountsAPI{URL: "http://gateway", TokenFile: file}).Validate(); len(problems) != 0 {
		t.Errorf("problems %v: the commands that prepare the database do not have the file", problems)
	}
	problems := audios.AccountsAPI{TokenFile: file}.Validate()
	if len(problems) != 1 || problems[0].Variable != "CONCHA_ACCOUNTS_URL" {
		t.Errorf("problems %v without a URL", problems)
	}
}
