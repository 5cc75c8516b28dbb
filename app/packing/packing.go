// Package packing compresses large texts for the database, and decompresses them to the same
// bytes.
package packing

import (
	"fmt"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Least is the length, in bytes, up to which a text is not packed.
const Least = 8 << 10

// Packer packs texts with zstd. The zero value is usable, and safe for concurrent use.
type Packer struct {
	once    sync.Once
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	err     error
}

// init makes the encoder and the decoder on first use.
func (p *Packer) init() error {
	p.once.Do(func() {
		if p.encoder, p.err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); p.err != nil {
			return
		}
		p.decoder, p.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0))
	})
	return p.err
}

// Pack returns the packed text, or nil if the text is short or packing saves less than an eighth.
func (p *Packer) Pack(text string) ([]byte, error) {
	if len(text) <= Least {
		return nil, nil
	}
	if err := p.init(); err != nil {
		return nil, fmt.Errorf("packing: pack: %w", err)
	}
	packed := p.encoder.EncodeAll([]byte(text), make([]byte, 0, len(text)/4))
	if len(packed) > len(text)-len(text)/8 {
		return nil, nil
	}
	return packed, nil
}

// Size returns the length, in bytes, of the text that Unpack returns. If packed can't be unpacked, it
// returns the length of packed.
func Size(text string, packed []byte) int {
	if packed == nil {
		return len(text)
	}
	var header zstd.Header
	if err := header.Decode(packed); err != nil || !header.HasFCS || header.FrameContentSize > math.MaxInt32 {
		return len(packed)
	}
	return int(header.FrameContentSize)
}

// Unpack returns the text that was packed. If packed is nil, it returns text.
func (p *Packer) Unpack(text string, packed []byte) (string, error) {
	if packed == nil {
		return text, nil
	}
	if err := p.init(); err != nil {
		return "", fmt.Errorf("packing: unpack: %w", err)
	}
	whole, err := p.decoder.DecodeAll(packed, nil)
	if err != nil {
		return "", fmt.Errorf("packing: unpack: %w", err)
	}
	return string(whole), nil
}
