package failover

// State is where one group stands.
type State uint8

// The states; the package's comment explains them.
const (
	Init State = iota
	Healthy
	Suspect
	Freezing
	Revoking
	Selecting
	Chaining
	Promoting
	Verifying
	Settling
	Stuck
	Ambiguous
	Following
	Draining
	Handing

	never = State(255) // in nextState: cannot happen
)

var stateNames = [...]string{"init", "healthy", "suspect", "freezing", "revoking", "selecting", "chaining",
	"promoting", "verifying", "settling", "stuck", "ambiguous", "following", "draining", "handing"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }
