package engine

import (
	"context"
	"fmt"
	"runtime"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
)

// Machine says where figures come from.
type Machine struct {
	CPU    string
	Cores  int
	System string
	Go     string
}

// DescribeMachine asks the system; what it does not tell stays out.
func DescribeMachine(ctx context.Context) Machine {
	m := Machine{CPU: "unknown processor", Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if infos, err := cpu.InfoWithContext(ctx); err == nil && len(infos) > 0 && infos[0].ModelName != "" {
		m.CPU = infos[0].ModelName
	}
	if platform, _, version, err := host.PlatformInformationWithContext(ctx); err == nil && platform != "" {
		m.System = fmt.Sprintf("%s %s (%s)", platform, version, m.System)
	}
	return m
}

// String is a line about it.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s", m.CPU, m.Cores, m.System, m.Go)
}
