//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package arena

import "syscall"

// acquire returns zeros that the garbage collector does not know of.
func acquire(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic("arena: no memory: " + err.Error())
	}
	return b
}

// release gives memory of acquire back.
func release(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("arena: " + err.Error())
	}
}
