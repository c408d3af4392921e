package registry

import bolt "go.etcd.io/bbolt"

// Counts is how many devices there are, whatever their state, and how many invitations nobody has
// used yet. Those that have expired count until the next one is made. The number of devices is kept
// as the sequence of their bucket, so that none of them has to be read.
func (r *Registry) Counts() (devices, invitations int, err error) {
	err = r.view(func(tx *bolt.Tx) error {
		devices = int(tx.Bucket(bucketDevices).Sequence())
		invitations = tx.Bucket(bucketInvited).Stats().KeyN // short entries, so that these are few pages
		return nil
	})
	return devices, invitations, err
}

// recount makes the number right for a database that was written without it.
func recount(tx *bolt.Tx) error {
	devices := tx.Bucket(bucketDevices)
	if devices.Sequence() > 0 {
		return nil
	}
	return devices.SetSequence(uint64(devices.Stats().KeyN))
}

// count adds to the number of devices.
func count(devices *bolt.Bucket, n int) error {
	return devices.SetSequence(uint64(int(devices.Sequence()) + n))
}
