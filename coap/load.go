package coap

// Busy tells whether a request of ours or an observation, in either role, is open.
func (c *Conn) Busy() bool { return len(c.byID) > 0 || len(c.server.observed) > 0 }

// Held is how many bytes of bodies are kept for requests of the peer's that are not whole, and
// for repeats and later blocks of responses.
func (c *Conn) Held() int { return c.server.held }
