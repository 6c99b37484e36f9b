package history

// A queue is what clients did with one list that is pushed to and popped from.
type queue struct {
	pushed  map[string]*Op
	popped  map[string]*Op
	unknown int // pops that may have taken something
}

// checkQueues is Q.
func checkQueues(j *judge) {
	all := map[string]*queue{}
	for _, op := range j.ops {
		if op.Kind != Push && op.Kind != Pop {
			continue
		}
		q := all[op.Key]
		if q == nil {
			q = &queue{pushed: map[string]*Op{}, popped: map[string]*Op{}}
			all[op.Key] = q
		}
		if op.Kind == Push {
			q.pushed[op.Value] = op
		} else {
			j.pop(q, op)
		}
	}
	for key, q := range all {
		j.checkPopped(q)
		j.checkLeft(key, q)
	}
}

// pop notes a pop, and finds the second one of an element.
func (j *judge) pop(q *queue, op *Op) {
	switch {
	case op.Class == Unknown || op.Class == Wrong:
		q.unknown++
	case op.Class != OK || op.Got == "":
	case q.popped[op.Got] == nil || j.forgiven(q.popped[op.Got]):
		q.popped[op.Got] = op
	case !j.forgiven(op):
		j.breaks("Q", "%s got %q, as did %s", op.name(), op.Got, q.popped[op.Got].name())
	}
}

// checkPopped looks for what was popped and not, or not yet, pushed.
func (j *judge) checkPopped(q *queue) {
	for id, pop := range q.popped {
		switch push := q.pushed[id]; {
		case push == nil:
			j.breaks("Q", "%s got %q, which nobody sent", pop.name(), id)
		case push.Class == Fail:
			j.breaks("Q", "%s got %q, which was refused: %s", pop.name(), id, push.Error)
		case pop.Completed < push.Invoked:
			j.breaks("Q", "%s got %q before it was sent", pop.name(), id)
		}
	}
}

// checkLeft compares what is left with what was pushed and not popped.
func (j *judge) checkLeft(key string, q *queue) {
	left := map[string]bool{}
	for _, id := range j.run.Final.Lists[key] {
		if left[id] {
			j.breaks("Q", "%s holds %q twice", key, id)
		}
		left[id] = true
		switch pop := q.popped[id]; {
		case q.pushed[id] == nil:
			j.breaks("Q", "%s holds %q, which nobody sent", key, id)
		case pop != nil && !j.forgiven(pop):
			j.breaks("Q", "%s holds %q, although %s took it", key, id, pop.name())
		}
	}
	missing, one := 0, (*Op)(nil)
	for id, push := range q.pushed {
		if push.Class == OK && q.popped[id] == nil && !left[id] && !j.forgiven(push) {
			missing, one = missing+1, push
		}
	}
	if missing > q.unknown {
		j.breaks("Q", "%d elements of %s are gone, and only %d pops are unknown; one is %s", missing, key, q.unknown, one.name())
	}
}
