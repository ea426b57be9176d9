package study

import "encoding/json"

// marshalLimits writes settings without their temperatures as JSON, and these as text: JSON has no infinity.
func marshalLimits(settings any, eps []float64) ([]byte, error) {
	names := make([]string, len(eps))
	for k, v := range eps {
		names[k] = number(v)
	}
	return json.Marshal(struct {
		Settings any
		Eps      []string
	}{settings, names})
}
