package admission

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	for _, test := range []struct {
		config Config
		of     int
		want   Rates
	}{
		{Default, 4000, Rates{All: 4000, Network: 1000, Address: 400, Burst: 4, Period: time.Second, Buckets: buckets}},
		{Default, 0, Rates{Burst: 4, Period: time.Second, Buckets: buckets}},
		{Default, 3, Rates{All: 3, Network: 1, Address: 1, Burst: 4, Period: time.Second, Buckets: buckets}},
		{Config{}, 10, Rates{All: 10, Burst: 1, Period: time.Second, Buckets: buckets}},
	} {
		if got := test.config.Rates(test.of); got != test.want {
			t.Errorf("%d: %+v, want %+v", test.of, got, test.want)
		}
	}
}
