package lasting

import "time"

// What happens to a device with a session.

func sleep(w *World) error {
	if err := w.Sleep(); err != nil {
		return err
	}
	w.Pass(day)
	return nil
}

func rebind(w *World) error {
	w.Rebind()
	return nil
}

func crash(w *World) error {
	w.Crash()
	return nil
}

func ephemeral(w *World) error {
	w.Ephemeral = true
	return nil
}

func forget(w *World) error {
	w.Forget()
	return nil
}

func restart(w *World) error {
	w.Restart()
	return nil
}

func planned(w *World) error { return w.PlannedRestart(10 * time.Second) }

func rotate(w *World) error { return w.RotateTicketKeys() }

func expired(w *World) error {
	w.Crash()
	w.Pass(ticketLifetime + time.Hour)
	return nil
}

// both is one thing after the other.
func both(first, second func(*World) error) func(*World) error {
	return func(w *World) error {
		if err := first(w); err != nil {
			return err
		}
		return second(w)
	}
}
