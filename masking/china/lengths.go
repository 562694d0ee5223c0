package china

// A lengthTable tells of the two Chinese characters at some place in a text
// whether a word of a dictionary can begin there, and how long such words are.
// It is a filter in front of a map: one load for most places.
//
// All words are of characters of three bytes in UTF-8. The cell is a hash of
// the first two, so a length can be listed that no word with that beginning has.
type lengthTable [1 << 15]uint16 // bit n: a word of n characters

func (t *lengthTable) add(word string) {
	if n := len(word) / 3; n >= 2 && n < 16 {
		t[lengthCell(word, 0)] |= 1 << n
	}
}

// at returns the lengths of words that may begin at s[i:].
func lengthsAt[T Text](t *lengthTable, s T, i int) uint16 {
	if i+6 > len(s) || s[i]&0xF0 != 0xE0 || s[i+3]&0xF0 != 0xE0 {
		return 0
	}
	return t[lengthCell(s, i)]
}

func lengthCell[T Text](s T, i int) uint32 {
	x := uint32(s[i]&0xF)<<12 | uint32(s[i+1]&0x3F)<<6 | uint32(s[i+2]&0x3F)
	y := uint32(s[i+3]&0xF)<<12 | uint32(s[i+4]&0x3F)<<6 | uint32(s[i+5]&0x3F)
	return (x*0x9E3779B1 ^ y*0x85EBCA6B) >> 17
}
