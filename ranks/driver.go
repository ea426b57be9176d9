package ranks

import "fmt"

// A Driver starts groups by one kind of library. A package that has one registers it when it is imported.
type Driver struct {
	// Name is what a person calls it, such as "mpi".
	Name string

	// Started reports whether this process was started as one of a group that the driver can join.
	Started func() bool

	// Open joins the group.
	Open func() (Transport, error)
}

var drivers []Driver

// Register makes a driver known to [Join]. It is for init functions.
func Register(d Driver) { drivers = append(drivers, d) }

// Join joins the group that this process was started in, by the first driver that says so, or by the one that is named whether or not it
// does. Without a name and without a group it returns nil, the group of one.
func Join(name string) (*Comm, error) {
	for _, d := range drivers {
		if d.Name == name || name == "" && d.Started() {
			return New(d.Open)
		}
	}
	if name != "" {
		return nil, fmt.Errorf("ranks: no driver %q in this program", name)
	}
	return nil, nil
}
