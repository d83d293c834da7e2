package jpegfile

// The cosines of the transform by C. Loeffler, A. Ligtenberg and G. Moschytz
// ("Practical Fast 1-D DCT Algorithms with 11 Multiplications", ICASSP 1989), in
// units of 1/8192. The order and the rounding of the steps are those that most
// decoders use, so that all of them see the same picture to the last bit.
const (
	cosineBits = 13
	extraBits  = 2 // that the columns are kept with

	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

// idct writes the samples of a block to the first 8 bytes of each of 8 rows.
func idct(b *[64]int16, quant *[64]uint16, to []byte, stride int) {
	var w [64]int
	for x := range 8 {
		at := func(y int) int { return int(b[8*y+x]) * int(quant[8*y+x]) }
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			dc := at(0) << extraBits
			for y := range 8 {
				w[8*y+x] = dc
			}
			continue
		}
		column := [8]int{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)}
		transform(&column, cosineBits-extraBits)
		for y, v := range column {
			w[8*y+x] = v
		}
	}
	for y := range 8 {
		row := (*[8]int)(w[8*y:])
		transform(row, cosineBits+extraBits+3)
		samples := to[y*stride:][:8]
		for x, v := range row {
			samples[x] = byte(min(max(v+128, 0), 255))
		}
	}
}

// transform is the transform of one column or row, divided by 1<<shift.
func transform(v *[8]int, shift int) {
	z1 := (v[2] + v[6]) * fix0541
	even2 := z1 - v[6]*fix1847
	even3 := z1 + v[2]*fix0765
	even0 := (v[0] + v[4]) << cosineBits
	even1 := (v[0] - v[4]) << cosineBits
	half := 1 << (shift - 1)
	a0, a3 := even0+even3+half, even0-even3+half
	a1, a2 := even1+even2+half, even1-even2+half

	z5 := (v[7] + v[3] + v[5] + v[1]) * fix1175
	z1, z2 := -(v[7]+v[1])*fix0899, -(v[5]+v[3])*fix2562
	z3, z4 := z5-(v[7]+v[3])*fix1961, z5-(v[5]+v[1])*fix0390
	b0 := v[7]*fix0298 + z1 + z3
	b1 := v[5]*fix2053 + z2 + z4
	b2 := v[3]*fix3072 + z2 + z3
	b3 := v[1]*fix1501 + z1 + z4

	v[0], v[7] = (a0+b3)>>shift, (a0-b3)>>shift
	v[1], v[6] = (a1+b2)>>shift, (a1-b2)>>shift
	v[2], v[5] = (a2+b1)>>shift, (a2-b1)>>shift
	v[3], v[4] = (a3+b0)>>shift, (a3-b0)>>shift
}
