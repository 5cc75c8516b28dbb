package packing_test

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/packing"
)

func TestWhatIsPackedComesBack(t *testing.T) {
	t.Parallel()
	var p packing.Packer
	noise := make([]byte, 1<<20)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty": "", "short": strings.Repeat("x", packing.Least), "long": strings.Repeat("x", packing.Least+1),
		"NUL and more": strings.Repeat("a\x00\xffé", 5000), "noise": string(noise), "large": strings.Repeat("line of a log\n", 1<<20),
	} {
		packed, err := p.Pack(text)
		require.NoError(t, err, name)
		assert.Equal(t, name == "long" || name == "NUL and more" || name == "large", packed != nil, name)
		back, err := p.Unpack(text, packed)
		require.NoError(t, err, name)
		assert.True(t, text == back, name)
		assert.Equal(t, len(text), packing.Size(text, packed), name)
		if packed != nil {
			assert.Less(t, len(packed), len(text)/8, name)
			back, err = p.Unpack("", packed)
			assert.True(t, err == nil && text == back, name)
		}
	}
	_, err = p.Unpack("", []byte("not packed"))
	require.ErrorContains(t, err, "packing: unpack")
	assert.Equal(t, 10, packing.Size("", []byte("not packed")))
	// A header that says 2^63 bytes.
	assert.Equal(t, 13, packing.Size("", []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80}))
}

func TestPackerIsSharedByMany(t *testing.T) {
	t.Parallel()
	var p packing.Packer
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 100_000)
			for range 50 {
				packed, err := p.Pack(text)
				back, err2 := p.Unpack("", packed)
				assert.True(t, err == nil && err2 == nil && back == text)
			}
		})
	}
	group.Wait()
}
