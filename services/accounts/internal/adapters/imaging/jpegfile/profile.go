package jpegfile

import (
	"bytes"
	"encoding/binary"
)

// The segments of a colour profile have a name, their number, and how many
// there are, before a part of the profile. The profile begins with its length.
const (
	profileName   = "ICC_PROFILE\x00"
	profileHeader = len(profileName) + 2
	profilePart   = 0xffff - 2 - profileHeader // bytes at most
	minProfile    = 128                        // bytes
)

func isProfile(body []byte) bool {
	return len(body) >= profileHeader && bytes.HasPrefix(body, []byte(profileName))
}

// profile collects the segments of a colour profile.
type profile struct {
	at     int // the piece of the first segment
	count  int // of segments
	total  int // that there are to be
	parts  [256][]byte
	broken bool
}

func (p *profile) add(s segment, at int) {
	number, total := s.body[len(profileName)], int(s.body[len(profileName)+1])
	if p.count == 0 {
		p.at, p.total = at, total
	}
	p.broken = p.broken || int(number) < 1 || int(number) > total || total != p.total || p.parts[number] != nil
	p.parts[number] = s.body[profileHeader:]
	p.count++
}

// segments returns the segments of the profile: none if it is not whole, and
// nothing that follows its end.
func (p *profile) segments() []byte {
	if p.count == 0 || p.broken || p.count != p.total {
		return nil
	}
	whole := bytes.Join(p.parts[1:p.total+1], nil)
	if len(whole) < minProfile {
		return nil
	}
	size := int(binary.BigEndian.Uint32(whole))
	if size < minProfile || size > len(whole) || string(whole[36:40]) != "acsp" {
		return nil
	}
	parts := p.parts[1 : p.total+1]
	if size < len(whole) {
		parts = nil
		for rest := whole[:size]; len(rest) > 0; rest = rest[min(len(rest), profilePart):] {
			parts = append(parts, rest[:min(len(rest), profilePart)])
		}
	}
	var to []byte
	for i, part := range parts {
		to = append(to, 0xff, markerAPP2)
		to = binary.BigEndian.AppendUint16(to, uint16(2+profileHeader+len(part)))
		to = append(append(to, profileName...), byte(i+1), byte(len(parts)))
		to = append(to, part...)
	}
	return to
}
