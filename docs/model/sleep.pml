/*
 * An orderly sleep: a session's keys, numbers and window in a file that loading consumes
 * (docs/protocol.md section 11.6). A server that saves its table for a planned restart follows the
 * same rule. ./spin checks it, and README.md says what that shows.
 *
 * A change of the disk that is not synced survives a crash or not. The file opens under a mark
 * that loading destroys together with the file, so that a copy that is put back does not open. A
 * node that finds nothing to load begins with a new key, by resumption or a handshake.
 *
 * BUG_... breaks a rule, to see that it is missed. BUG_TWICE is the file that is used twice.
 */

#define KEYS 3    /* sessions */
#define NUMBERS 2 /* records of each, in each direction */
#define CRASHES 2
#define SLEEPS 2
#define COPIES 1 /* that are put back */

#define has(set, n) ((set) & (1 << (n)))
#define put(set, n) set = (set) | (1 << (n))

typedef Disk {
	byte mark;    /* under which the file has to be */
	bit file;     /* is there */
	bit torn;     /* not whole: does not open */
	byte under;   /* the mark */
	byte key;     /* the session */
	byte next;    /* number to send */
	byte window;  /* numbers received */
};
Disk disk;   /* as programs see it */
Disk synced; /* what of it is safe */
Disk copy;   /* of a file, in somebody's hands */

byte keys; /* given out */
byte sent[KEYS], received[KEYS]; /* the numbers, whoever remembers them */
byte key, next, window;          /* the session in memory */
bit awake;
byte crashes, sleeps, copies;

inline take_file(to, from) {
	to.file = from.file;
	to.torn = from.torn;
	to.under = from.under;
	to.key = from.key;
	to.next = from.next;
	to.window = from.window
}

/* sync makes one of the two the same as the other. */
inline sync(to, from) {
	to.mark = from.mark;
	take_file(to, from)
}

/* stop clears the memory: nothing in it is part of the state any more. */
inline stop() {
	awake = 0;
	key = 0;
	next = 0;
	window = 0
}

inline erase(what) {
	what.file = 0;
	what.torn = 0;
	what.under = 0;
	what.key = 0;
	what.next = 0;
	what.window = 0
}

/* crash loses the memory, and of the disk what was not synced, or not even that. */
#define may_crash \
	atomic { crashes < CRASHES -> \
		crashes++; \
		stop(); \
		if \
		:: sync(disk, synced) \
		:: sync(synced, disk) \
		fi; \
		goto start \
	}

active proctype Node() {
end_start:
start:
	if
	:: atomic { disk.file && !disk.torn && disk.under == disk.mark ->
		key = disk.key;
		next = disk.next;
		window = disk.window
	}
	:: atomic { !(disk.file && !disk.torn && disk.under == disk.mark) && keys < KEYS ->
		key = keys;
		keys++
	}
	fi;
	/* Consumed, whatever it was, before the first record leaves. */
	if
	:: may_crash
	:: atomic { true ->
#ifndef BUG_TWICE
		erase(disk);
#endif
#if !defined(BUG_TWICE) && !defined(BUG_COPY)
		disk.mark++
#endif
	}
	fi;
	if
	:: may_crash
	:: atomic { true ->
#ifndef BUG_UNSYNCED
		sync(synced, disk);
#endif
		awake = 1
	}
	fi;
	do
	:: atomic { next < NUMBERS ->
		assert(!has(sent[key], next)); /* S1: no number twice under one key */
		put(sent[key], next);
		next++
	}
	:: may_crash
	:: atomic { sleeps < SLEEPS -> sleeps++; break }
	od;
	/* Nothing is sent and nothing opens from here on. */
	atomic {
#ifndef BUG_LATE
		awake = 0;
#endif
		disk.file = 1;
		disk.torn = 1;
		disk.under = disk.mark;
		disk.key = key;
		disk.next = next;
		disk.window = window
	}
	if
	:: may_crash
	:: atomic { true -> disk.torn = 0 }
	fi;
	if
	:: may_crash
	:: atomic { true -> sync(synced, disk); stop() }
	fi;
	goto start
}

/* Peer sends records, and the network repeats them. */
active proctype Peer() {
	byte number;
end_idle:
	do
	:: atomic { awake ->
		number = 0;
		do
		:: number < NUMBERS - 1 -> number++
		:: break
		od;
		if
		:: !has(window, number) ->
			assert(!has(received[key], number)); /* S2: no record is accepted twice */
			put(received[key], number);
			put(window, number)
		:: else
		fi;
		number = 0
	}
	od
}

/* Somebody copies the file, and puts it back at any time. */
active proctype Copier() {
end_idle:
	do
	:: atomic { disk.file && !disk.torn && !copy.file -> take_file(copy, disk) }
	:: atomic { copy.file && copies < COPIES ->
		copies++;
		take_file(disk, copy);
		take_file(synced, copy)
	}
	od
}
