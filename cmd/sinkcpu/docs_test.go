package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/train"
)

// commandLines are the command lines of sinkcpu in the code of a page: indented lines, blocks and spans between backticks.
func commandLines(page string) []string {
	var lines []string
	begins := regexp.MustCompile(`(?:^|[\s(])(?:sinkcpu|go run (?:-[\w=,]+ )*\./cmd/sinkcpu) ([a-z]+ [^|#]*|[a-z]+$)`)
	add := func(code string) {
		if m := begins.FindStringSubmatch(code); m != nil {
			lines = append(lines, strings.TrimSpace(m[1]))
		}
	}
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "    ") {
			add(line)
		}
	}
	for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(page, -1) {
		add(strings.Join(strings.Fields(strings.Trim(span, "`")), " "))
	}
	return lines
}

// Every command line of the documentation names a command, its flags, and presets and objectives that there are.
func TestCommandLinesOfTheDocumentation(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var presets []string
	for _, p := range train.Presets() {
		presets = append(presets, p.Name)
	}
	checked := 0
	for _, page := range append(pages, "../../README.md", "../../bench/README.md", "../../bench/generative.md") {
		for _, line := range commandLines(readFile(t, page)) {
			words := strings.Fields(line)
			cmd, rest, err := newRootCommand().Find(words)
			if err != nil || !cmd.HasParent() {
				t.Errorf("%s: sinkcpu %s: no such command", page, line)
				continue
			}
			checked++
			for i, word := range rest {
				name, value, given := strings.Cut(strings.Trim(word, ".,;:()\"'[]"), "=")
				if !given && i+1 < len(rest) {
					value = strings.Trim(rest[i+1], "\"'")
				}
				if !strings.HasPrefix(name, "--") {
					continue
				}
				name = name[2:]
				if name != "help" && cmd.Flags().Lookup(name) == nil {
					t.Errorf("%s: sinkcpu %s: no flag --%s", page, line, name)
				}
				known := map[string][]string{"preset": presets, "objective": train.ObjectiveNames()}[name]
				if known != nil && value != strings.ToUpper(value) && !slices.Contains(known, value) {
					t.Errorf("%s: sinkcpu %s: --%s %s is none of %v", page, line, name, value, known)
				}
			}
		}
	}
	if checked < 60 {
		t.Errorf("%d command lines found, which were more than 60", checked)
	}
}
