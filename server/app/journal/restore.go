package journal

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
)

// maxFrame is the largest write, and so the most that a write cut short leaves behind.
const maxFrame = frameHeader + maxPayload

// restore fills the index from a file of the size given, and makes the file end with its
// last whole frame. It gives the size the file then has.
func restore(f file, size int64, path string, x index) (int64, error) {
	if size, err := checkMagic(f, size, path); size == 0 || err != nil {
		return int64(len(fileMagic)), err
	}
	buf := make([]byte, min(size, maxFrame))
	at := int64(len(fileMagic))
	for at < size {
		n, err := readFrame(f, buf, at, size)
		if err != nil {
			return 0, fmt.Errorf("%s at byte %d: %w", path, at, err)
		}
		payload, ok := parseFrame(buf[:n], at)
		if !ok {
			return at, cut(f, buf[:n], at, size, path)
		}
		if !x.addPayload(payload, at+frameHeader) {
			return 0, fmt.Errorf("%w: %s at byte %d: sound checksum, malformed content", ErrCorrupt, path, at)
		}
		at += frameHeader + int64(len(payload))
	}
	return at, nil
}

// checkMagic begins a new file, and keeps off one that is no journal. A size of zero
// says that the file is new.
func checkMagic(f file, size int64, path string) (int64, error) {
	magic := make([]byte, min(size, int64(len(fileMagic))))
	if _, err := f.ReadAt(magic, 0); err != nil && err != io.EOF {
		return size, fmt.Errorf("%s: %w", path, err)
	}
	if !bytes.HasPrefix([]byte(fileMagic), magic) {
		return size, fmt.Errorf("%w: %s is not a journal", ErrCorrupt, path)
	}
	if len(magic) == len(fileMagic) {
		return size, nil
	}
	_, err := f.WriteAt([]byte(fileMagic), 0)
	return 0, err
}

// readFrame reads the frame at a place, or what there is where none is to be seen.
func readFrame(f file, buf []byte, at, size int64) (int, error) {
	n := int(min(size-at, int64(len(buf))))
	if n > frameHeader {
		if _, err := f.ReadAt(buf[:frameHeader], at); err != nil {
			return 0, err
		}
		if frame, ok := frameSize(buf, at); ok && frame <= n {
			n = frame
		}
	}
	_, err := f.ReadAt(buf[:n], at)
	if err == io.EOF {
		err = nil // at the end of the file both are allowed
	}
	return n, err
}

// cut removes the last write if it is not whole. It was never confirmed. Damage that has
// a whole frame behind it, or is longer than a write, is none of that and is left alone:
// only the operator can say what that data is worth.
func cut(f file, damaged []byte, at, size int64, path string) error {
	if size-at > maxFrame {
		return fmt.Errorf("%w: %s at byte %d: %d bytes from there on are more than an interrupted write leaves; restore a copy, or cut the file to %d bytes",
			ErrCorrupt, path, at, size-at, at)
	}
	tail := make([]byte, size-at)
	if _, err := f.ReadAt(tail, at); err != nil && err != io.EOF {
		return err
	}
	if i, ok := findFrame(tail, at); ok {
		return fmt.Errorf("%w: %s at byte %d, while the data at byte %d is sound; restore a copy, or cut the file to %d bytes",
			ErrCorrupt, path, at, at+int64(i), at)
	}
	slog.Warn("journal: an interrupted write was cut off, it had not been confirmed",
		"file", path, "at", at, "bytes", len(tail))
	return f.Truncate(at)
}

// findFrame looks for a whole frame behind the start of the tail that stands at a place.
func findFrame(tail []byte, at int64) (int, bool) {
	for i := 1; i < len(tail); i++ {
		next := bytes.Index(tail[i:], []byte(frameMagic))
		if next < 0 {
			break
		}
		i += next
		if _, ok := parseFrame(tail[i:], at+int64(i)); ok {
			return i, true
		}
	}
	return 0, false
}
