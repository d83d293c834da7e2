package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// maxProfile is the longest colour profile that is kept, in bytes.
const maxProfile = 4 << 20

// profileStart is the start of the chunk of a colour profile: its name, which has
// no effect on the picture and is the same for all, and its compression.
const profileStart = "icc\x00\x00"

// cleanProfile returns the chunk of a colour profile without anything but it,
// or nil if it is broken.
func cleanProfile(body, raw []byte) []byte {
	const sizes, longestName = 4, 79
	name := bytes.IndexByte(body, 0)
	if name < 1 || name > longestName || len(body) < name+2 || body[name+1] != 0 {
		return nil
	}
	packed := bytes.NewReader(body[name+2:])
	z, err := zlib.NewReader(packed)
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(z, maxProfile+1))
	exact := err == nil && packed.Len() == 0 && len(profile) <= maxProfile
	if len(profile) < 128 || string(profile[36:40]) != "acsp" {
		return nil
	}
	size := int(binary.BigEndian.Uint32(profile[:sizes]))
	switch {
	case size < 128 || size > min(len(profile), maxProfile):
		return nil
	case size == len(profile) && exact && bytes.HasPrefix(body, []byte(profileStart)):
		return raw
	case size == len(profile) && exact:
		return chunkOf("iCCP", append([]byte(profileStart), body[name+2:]...))
	}
	var to bytes.Buffer
	to.WriteString(profileStart)
	w := zlib.NewWriter(&to)
	_, _ = w.Write(profile[:size])
	_ = w.Close()
	return chunkOf("iCCP", to.Bytes())
}
