//go:build cloud

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/events"
)

// TestForgetfulBroker has Pub/Sub forget the messages of deleted accounts again
// and again, while replicas of audios are killed. No session of a deleted account
// remains. Audios reads the accounts' events through the gateway, with an API key.
func TestForgetfulBroker(t *testing.T) {
	f := newFleet(t)
	f.run(t, "accounts", "provision")
	f.run(t, "audios", "provision")
	token := filepath.Join(t.TempDir(), "token")
	key := newKeys(t, f.keys, map[string]string{"audios": "events:read,accounts:read"})["audios"]
	if err := os.WriteFile(token, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The last value of a setting counts.
	gateway := f.start(t, "gateway", "CONCHA_ANONYMOUS_SCOPES=accounts:write,audios:read,audios:write")
	reconciling := []string{"CONCHA_ACCOUNTS_URL=" + f.url("gateway"), "CONCHA_ACCOUNTS_TOKEN_FILE=" + token}
	f.start(t, "accounts").becomes(t, "/readyz", http.StatusOK)
	audios := f.start(t, "audios", reconciling...)
	gateway.becomes(t, "/readyz", http.StatusOK)

	published := f.listen(t, events.AccountsTopic)
	var gone []int64
	for round := range int64(5) {
		var doomed []int64
		versions := map[string]int64{}
		for i := range int64(4) {
			session := 10*round + i
			account := gateway.accountWithSession(t, session)
			doomed = append(doomed, account)
			versions[fmt.Sprintf("account/%d", account)] = 2 // of the deletion
			gone = append(gone, session)
		}
		kept := 10*round + 9
		gateway.accountWithSession(t, kept)
		f.forgetting(t, "audios-account-events", func() {
			for i, account := range doomed {
				if i == 2 && round%2 == 0 {
					audios.kill(t)
				}
				gateway.request(t, "DELETE", fmt.Sprintf("/v1/accounts/%d", account), "", nil, http.StatusNoContent)
			}
			published.until(t, accountKind.subject, versions)
		})
		if round%2 == 0 {
			audios = f.start(t, "audios", reconciling...)
			audios.becomes(t, "/readyz", http.StatusOK)
			gateway.becomes(t, "/readyz", http.StatusOK)
		}
	}
	gateway.awaitGone(t, 2*reconciled, gone...)
	for round := range int64(5) {
		gateway.request(t, "GET", fmt.Sprintf("/v1/audios/%d", 10*round+9), "", nil, http.StatusOK)
	}
	audios.measures(t, `concha_reconciled_total{effect="session_removed"} `, "concha_reconciled_timestamp_seconds ")
}

// forgetting deletes a subscription while do runs: the messages of that time are
// lost to it.
func (f *fleet) forgetting(t *testing.T, subscription string, do func()) {
	t.Helper()
	callBroker(t, http.MethodDelete, "http://"+f.broker.emulator+"/v1/projects/"+f.project+"/subscriptions/"+subscription, nil, nil)
	do()
	f.run(t, "audios", "provision")
}
