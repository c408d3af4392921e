package node

import "context"

// DialFile is [Dial] with a configuration file (see [LoadConfig]), which names the server too.
func DialFile(ctx context.Context, path string) (*Conn, error) {
	cfg, err := LoadConfig(path)
	if err != nil {
		return nil, err
	}
	return Dial(ctx, "", cfg)
}
