package httpmodule_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/kelseyhightower/envconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/httpmodule"
)

func TestDefaultsAreThoseOfTheTags(t *testing.T) {
	var cfg httpmodule.Config
	require.NoError(t, envconfig.Process("", &cfg))
	assert.Equal(t, httpmodule.DefaultConfig(), cfg)
	require.NoError(t, cfg.Validate())
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	t.Setenv("SESSION_API_KEY", "k")
	t.Setenv("CORS_ORIGINS", "https://a.example,https://b.example")
	t.Setenv("SHUTDOWN_TIMEOUT", "1m")
	var cfg httpmodule.Config
	require.NoError(t, envconfig.Process("", &cfg))
	assert.Equal(t, "k", string(cfg.SessionAPIKey))
	assert.Len(t, cfg.CORSOrigins, 2)
	require.NoError(t, cfg.Validate())
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "top-secret"
	texts := []string{cfg.SessionAPIKey.String(), fmt.Sprint(&cfg)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, cfg.SessionAPIKey), fmt.Sprintf(verb, cfg))
	}
	encoded, err := json.Marshal(cfg)
	require.NoError(t, err)
	texts = append(texts, string(encoded))
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{})
	line, err := encoder.EncodeEntry(zapcore.Entry{}, []zap.Field{
		zap.Any("config", cfg), zap.Any("key", cfg.SessionAPIKey), zap.Reflect("key2", cfg.SessionAPIKey), zap.Stringer("key3", cfg.SessionAPIKey),
	})
	require.NoError(t, err)
	texts = append(texts, line.String())
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t))
	require.NoError(t, err)
	texts = append(texts, fmt.Sprintf("%+v", server))
	for _, text := range texts {
		assert.NotContains(t, text, "top-secret")
		assert.NotContains(t, text, fmt.Sprintf("%x", "top-secret"))
	}
	assert.Empty(t, httpmodule.Secret("").String())
}
