package train

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed presets/*.json
var presetFiles embed.FS

// A Preset is a named config.
type Preset struct {
	Name  string
	About string // one line
}

// preset is the file of a preset: what it does not mention is the default for its data.
type preset struct {
	About  string          `json:"about"`
	Config json.RawMessage `json:"config"`
}

// Presets returns all presets, sorted by name.
func Presets() []Preset {
	entries, err := presetFiles.ReadDir("presets")
	if err != nil {
		panic(err) // they are part of the program
	}
	var all []Preset
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".json")
		p, err := readPreset(name)
		if err != nil {
			panic(err)
		}
		all = append(all, Preset{name, p.About})
	}
	return all
}

func readPreset(name string) (preset, error) {
	var p preset
	text, err := presetFiles.ReadFile("presets/" + name + ".json")
	if err != nil {
		return p, err
	}
	return p, decodeStrict(text, &p)
}

// PresetConfig returns the config of a preset, on its own data or, unless that is empty, on other data. An unknown name is a [*ConfigError].
func PresetConfig(name, data string) (Config, error) {
	p, err := readPreset(name)
	if err != nil {
		var names []string
		for _, p := range Presets() {
			names = append(names, p.Name)
		}
		return Config{}, &ConfigError{Flag: "--preset " + name, Problem: "unknown; known are " + strings.Join(names, ", ")}
	}
	var where struct {
		Objective string `json:"objective"`
		Data      string `json:"data"`
	}
	if err := json.Unmarshal(p.Config, &where); err != nil {
		return Config{}, fmt.Errorf("preset %s: %w", name, err)
	}
	if data == "" {
		data = where.Data
	}
	c := DefaultConfigOf(where.Objective, data)
	if err := decodeStrict(p.Config, &c); err != nil {
		return Config{}, fmt.Errorf("preset %s: %w", name, err)
	}
	c.Data = data
	return c, nil
}
