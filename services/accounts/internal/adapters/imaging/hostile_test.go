package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The images in this file have one colour and as few bytes as possible: the
// cost of decoding them is unrelated to their length.

const (
	baseline    = 0xc0
	progressive = 0xc2

	adobeCMYK = "Adobe\x00\x64\x00\x00\x00\x00\x00"
)

// plain returns a JPEG with only zero coefficients. Each byte of sampling is
// the sampling factor of a component; 0x21 means two blocks across and one
// down. A progressive one has more additional scans of its first component.
func plain(frame byte, width, height int, sampling string, more int) []byte {
	var b bytes.Buffer
	b.WriteString("\xff\xd8" + segment(0xee, adobeCMYK[:len(adobeCMYK)-1]+string(byte(1-len(sampling)/4))))
	size := "\x08" + string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(height)), uint16(width)))
	components, selectors := "", ""
	blocks, h0, v0 := 0, int(sampling[0]>>4), int(sampling[0]&0x0f)
	units := ((width + 8*h0 - 1) / (8 * h0)) * ((height + 8*v0 - 1) / (8 * v0))
	for i := range len(sampling) {
		components += string([]byte{byte(i + 1), sampling[i], 0})
		selectors += string([]byte{byte(i + 1), 0})
		blocks += units * int(sampling[i]>>4) * int(sampling[i]&0x0f)
	}
	count := string(byte(len(sampling)))
	b.WriteString(segment(0xdb, "\x00"+strings.Repeat("\x01", 64)))
	b.WriteString(segment(frame, size+count+components))
	const one = "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // one code of one bit
	first, last, bits := byte(0), byte(63), 2*blocks
	if frame == progressive {
		last, bits = 0, blocks
		b.WriteString(segment(0xc4, "\x10"+one+"\xe0")) // ends the coefficients of many blocks
	} else {
		b.WriteString(segment(0xc4, "\x10"+one+"\x00")) // ends the coefficients of this block
	}
	b.WriteString(segment(0xc4, "\x00"+one+"\x00"))
	b.WriteString(segment(0xda, count+selectors+string([]byte{first, last, 0})) + strings.Repeat("\x00", bits/8+1))
	if more > 0 {
		first, last, bits = 1, 63, (blocks/16384+1)*15
	}
	for range more { // each without the lowest bit, so that the image is never complete
		b.WriteString(segment(0xda, "\x01\x01\x00"+string([]byte{first, last, 1})) + strings.Repeat("\x00", bits/8+1))
	}
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

// plainPNG returns a PNG of zeros, optionally interlaced, with the given depth
// and colour type, and with chunks after its header.
func plainPNG(width, height int, depth, colours, interlace byte, chunks string) []byte {
	var b bytes.Buffer
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height))
	b.WriteString("\x89PNG\r\n\x1a\n" + chunk("IHDR", string(header)+string([]byte{depth, colours, 0, 0, interlace})) + chunks)
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
	var data bytes.Buffer
	w := zlib.NewWriter(&data)
	zeros := func(columns, rows int) {
		if columns > 0 {
			row := make([]byte, 1+(columns*channels*int(depth)+7)/8)
			for range rows {
				_, _ = w.Write(row)
			}
		}
	}
	if interlace == 0 {
		zeros(width, height)
	} else {
		for _, p := range [7][4]int{{8, 8, 0, 0}, {8, 8, 4, 0}, {4, 8, 0, 4}, {4, 4, 2, 0}, {2, 4, 0, 2}, {2, 2, 1, 0}, {1, 2, 0, 1}} {
			zeros((width-p[2]+p[0]-1)/p[0], (height-p[3]+p[1]-1)/p[1])
		}
	}
	_ = w.Close()
	b.WriteString(chunk("IDAT", data.String()) + chunk("IEND", ""))
	return b.Bytes()
}

// kinds returns an image of each kind that decoders represent differently.
func kinds(width, height int) map[string][]byte {
	images := map[string][]byte{}
	for name, sampling := range map[string]string{
		"grey": "\x11", "4:4:4": "\x11\x11\x11", "4:2:0": "\x22\x11\x11", "4:1:0": "\x42\x11\x11", "4:2:2": "\x21\x11\x11",
		"CMYK": "\x11\x11\x11\x11", "4:2:0 and black": "\x22\x11\x11\x22",
	} {
		images["baseline "+name] = plain(baseline, width, height, sampling, 0)
		images["progressive "+name] = plain(progressive, width, height, sampling, 8)
	}
	for _, kind := range [][2]byte{{1, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {4, 3}, {8, 4}, {16, 4}, {8, 6}, {16, 6}} {
		for interlace := range byte(2) {
			name := fmt.Sprintf("PNG of %d bits, colours %d, interlace %d", kind[0], kind[1], interlace)
			chunks := ""
			if kind[1] == 3 {
				chunks = chunk("PLTE", "abcdef")
			}
			images[name] = plainPNG(width, height, kind[0], kind[1], interlace, chunks)
			if kind[1] == 0 || kind[1] == 2 {
				images[name+", transparent"] = plainPNG(width, height, kind[0], kind[1], interlace, chunk("tRNS", strings.Repeat("\x00\x00", 1+int(kind[1]))))
			}
		}
	}
	return images
}

// turned returns an image with an Exif orientation.
func turned(content []byte, orientation uint16) []byte {
	if content[0] == 0xff {
		return after(content, afterSOI, segment(0xe1, "Exif\x00\x00"+tiff(binary.BigEndian, orientation)))
	}
	return after(content, afterIHDR, chunk("eXIf", tiff(binary.BigEndian, orientation)))
}

// noise fills p with pseudo-random bytes, the same ones each time.
func noise(p []byte) {
	_, _ = rand.NewChaCha8([32]byte{}).Read(p)
}
