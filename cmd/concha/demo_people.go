package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	api "github.com/concha-labs/backend/pkg/client"
)

// Names of many languages and scripts, as real ones are. Of each, the second is
// the part of an e-mail address.
var (
	givenNames = [][2]string{
		{"Amelia", "amelia"},
		{"José", "jose"},
		{"Fatima", "fatima"},
		{"Łukasz", "lukasz"},
		{"Yuki", "yuki"},
		{"Priya", "priya"},
		{"Björk", "bjork"},
		{"Oluwaseun", "seun"},
		{"Minh Khai", "khai"},
		{"Ingrid", "ingrid"},
		{"Mateo", "mateo"},
		{"Siobhán", "siobhan"},
		{"Anaïs", "anais"},
		{"Tomáš", "tomas"},
		{"Aroha", "aroha"},
		{"Dmytro", "dmytro"},
		{"Nia", "nia"},
		{"Henrik", "henrik"},
	}
	familyNames = [][2]string{
		{"Hart", "hart"},
		{"Álvarez", "alvarez"},
		{"al-Zahra", "alzahra"},
		{"Wiśniewski", "wisniewski"},
		{"Tanaka", "tanaka"},
		{"Raghunathan", "raghunathan"},
		{"Guðmundsdóttir", "gudmunds"},
		{"Adebayo", "adebayo"},
		{"Nguyễn", "nguyen"},
		{"Østergård", "ostergard"},
		{"Ferreira da Silva", "ferreira"},
		{"O’Sullivan", "osullivan"},
		{"Lefèvre", "lefevre"},
		{"Novák", "novak"},
		{"Kowhai", "kowhai"},
		{"Shevchenko", "shevchenko"},
	}
	wholeNames = [][2]string{
		{"فاطمة الزهراء", "fatima.zahra"},
		{"שרה כהן", "sarah.cohen"},
		{"田中 由紀", "tanaka.yuki"},
		{"Олена Коваль", "olena.koval"},
		{"김서연", "seoyeon.kim"},
		{"Ελένη Παπαδοπούλου", "eleni.p"},
		{"Maya 🎧 Lindqvist", "maya.lindqvist"},
	}
	streets = []string{"Harbour Street", "Rue des Lilas", "Calle de Alcalá", "Lindenallee", "Kastanjevej", "Rose Lane", "Via Garibaldi", "Queen’s Road"}
	cities  = []string{"Dublin", "Lyon", "Madrid", "Leipzig", "Aarhus", "Bristol", "Torino", "Wellington", "Lviv", "Porto"}
)

func pick[T any](from []T) T { return from[rand.IntN(len(from))] }

// person makes up an account. Its e-mail is at a domain that nobody has.
func person() api.AccountInput {
	var name, local string
	if rand.IntN(7) == 0 {
		whole := pick(wholeNames)
		name, local = whole[0], whole[1]
	} else {
		given, family := pick(givenNames), pick(familyNames)
		name, local = given[0]+" "+family[0], given[1]+"."+family[1]
	}
	return api.AccountInput{Name: name, Email: fmt.Sprintf("%s.%06d@example.org", strings.ToLower(local), rand.IntN(1_000_000)), Address: address()}
}

func address() string {
	return fmt.Sprintf("%d %s, %s", 1+rand.IntN(180), pick(streets), pick(cities))
}

// hearingTest makes up the sessions of a person, one for each step: levels that
// rise from the quietest, of which the person picks the first that is heard. It
// comes closer to their threshold with each step.
func hearingTest(account int64) []api.AudioInput {
	steps := min(rand.IntN(13), 10)
	threshold := -85 + rand.Float64()*50
	sessions := make([]api.AudioInput, steps)
	lowest, highest := -96.0, -32.0
	for step := range sessions {
		ticks := make([]float64, 15)
		picked := len(ticks) - 1
		for i := range ticks {
			ticks[i] = math.Round((lowest+(highest-lowest)*float64(i)/14)*100) / 100
			if ticks[i] >= threshold && i < picked {
				picked = i
			}
		}
		sessions[step] = api.AudioInput{
			SessionID: rand.Int64N(1 << 53), AccountID: &account, StepCount: step, SelectedTick: picked, Ticks: ticks,
		}
		width := (highest - lowest) * (0.62 + rand.Float64()*0.2)
		lowest = max(-100, ticks[picked]-width*(0.4+rand.Float64()*0.2))
		highest = min(-10, lowest+width)
	}
	return sessions
}
