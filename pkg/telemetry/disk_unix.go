//go:build unix

package telemetry

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// measureDisk exports the free space of the disk that a folder is on.
func measureDisk(folder string) error {
	return prometheus.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "concha_data_free_bytes",
		Help: "Free space of the disk of CONCHA_DATA_DIR, NaN if it cannot be read.",
	}, func() float64 {
		var stat unix.Statfs_t
		if err := unix.Statfs(folder, &stat); err != nil {
			return math.NaN()
		}
		return float64(stat.Bavail) * float64(stat.Bsize)
	}))
}
