package history

// checkTokens is I1: an operation that carries a token and was answered got its own back.
func checkTokens(j *judge) {
	for _, op := range j.ops {
		carries := op.Kind == Echo || op.Kind == Read
		if carries && op.Class == OK && op.Got != op.Value {
			j.breaks("I1", "%s got %q", op.name(), op.Got)
		}
	}
}

// checkConns is I2 and I3: what came over each connection, and how it ended.
func checkConns(j *judge) {
	for _, c := range j.run.Conns {
		switch {
		case c.Received > c.Sent:
			j.breaks("I2", "client %d.%d sent %d requests and got %d replies", c.Client, c.Number, c.Sent, c.Received)
		case c.Behind != "":
			j.breaks("I2", "client %d.%d got %q behind the last of its %d replies", c.Client, c.Number, c.Behind, c.Received)
		case c.Broken != "" && !j.run.Promise.Closes:
			j.breaks("I3", "client %d.%d lost its connection after %d of %d replies: %s", c.Client, c.Number, c.Received, c.Sent, c.Broken)
		case c.Broken == "" && c.Received < c.Sent:
			j.breaks("I2", "client %d.%d sent %d requests and got %d replies only", c.Client, c.Number, c.Sent, c.Received)
		}
	}
}
