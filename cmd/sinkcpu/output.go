package main

import "fmt"

// checkOutput finds before the work what would end it in vain: a folder in place of the file that a flag names, or none to put it into.
func checkOutput(flag, path string) error {
	if path == "" {
		return nil
	}
	if err := writableAt(path); err != nil {
		return fmt.Errorf("--%s %s: %w", flag, path, err)
	}
	return nil
}
