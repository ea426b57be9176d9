// Command gen writes the assembly loops that measure the machine, and the table of the vector operations in the loops of the library's
// kernels, counted from their assembly.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", ".", "folder to write to")
	kernels := flag.String("kernels", "../../../asm", "folder of the library's assembly")
	flag.Parse()
	files, err := probes()
	if err != nil {
		log.Fatal(err)
	}
	if files["loops.go"], err = loopsFile(*kernels); err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(*dir, name), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
