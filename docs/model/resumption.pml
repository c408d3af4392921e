/*
 * One device's sessions: resumption by ticket, restarts of the server, stateless reset
 * (docs/protocol.md sections 10, 11.5, 13 and 16). ./spin checks it, and README.md says what
 * that shows.
 *
 * What was sent stays on the network, so that anything may come late and be replayed. What one
 * side repeats, m1 and the first record, comes at some time; a reset may never come. An attacker
 * repeats m1, asks for resets and forges hints. MISHAPS things go wrong, of any kind; then all
 * comes to rest, and the two have to agree.
 *
 * BUG_... breaks a rule, to see that it is missed.
 */

#ifndef MISHAPS
#define MISHAPS 4
#endif
#define ATTEMPTS (MISHAPS + 2) /* from 1 on: the first, and one for each mishap */
#define SESSIONS (2 * MISHAPS + 3)

#define has(set, n) ((set) & (1 << (n)))
#define put(set, n) set = (set) | (1 << (n))
#define cut(set, n) set = (set) & ~(1 << (n))

/* The device. Sessions count from 1 in the order in which the server makes them. */
byte session; /* 0: none */
byte attempt; /* the m1 on its way, 0: none */
byte ticket;  /* on the disk: the session that gave it, 0: none or used */
short had;    /* sessions whose ticket has come */
/* The server. */
byte confirmed;
short half;             /* open */
byte answer[ATTEMPTS];  /* the session an m1 has led to, while its digest is kept */
byte retired;           /* the last session whose ticket is not good any more */
/* What was sent. */
byte attempts;              /* m1: each is on the network for ever */
byte with[ATTEMPTS];        /* the ticket, 0: a full handshake */
byte sessions;              /* m2: each is on the network for ever */
byte to[SESSIONS];          /* the attempt it answers */
short offers[ATTEMPTS];     /* the same the other way */
short first, served, reset; /* first records, records of the server, resets: of which sessions */
/* What happened. */
short taken, spent; /* sessions the device has had, tickets used */
byte mishaps;

#define up_to(n) ((1 << ((n) + 1)) - 2) /* the set of 1 to n */
#define refused(a) (with[a] && with[a] <= retired)
#define known(s) (confirmed == (s) || has(half, s))

/* begin sends an m1: with the ticket, which is marked as used before that, or else in full. */
inline begin() {
	attempts++;
	assert(attempts < ATTEMPTS);
	attempt = attempts;
	with[attempt] = ticket;
	if
	:: ticket ->
		assert(!has(spent, ticket)); /* T1: a ticket is in one m1 only */
		put(spent, ticket)
	:: else
	fi;
#ifndef BUG_MARK
	ticket = 0
#endif
}

/* pick is any number of a set that is not empty. */
inline pick(n, set) {
	n = 0;
	do
	:: has(set, n) -> break
	:: (set) >> (n + 1) -> n++
	od
}

/* believe ends the session for something that came in. */
inline believe() {
	assert(!known(session)); /* T2: what ends a session at the device is that the server has lost it */
	session = 0
}

active proctype Device() {
	byte s;
end_idle:
	do
	:: atomic { !session && !attempt -> begin() }
	:: atomic { session && !attempt && mishaps < MISHAPS -> mishaps++; begin() }
	:: atomic { attempt && offers[attempt] -> /* m2 opens */
		pick(s, offers[attempt]);
		session = s;
		attempt = 0;
		put(taken, s);
		put(first, s);
#ifdef BUG_MARK
		ticket = 0;
#endif
		s = 0
	}
	:: atomic { session && has(served, session) && !has(had, session) ->
		put(had, session);
		ticket = session
	}
	:: atomic { session && has(reset, session) -> believe() }
#ifdef BUG_FORGED
	:: atomic { session && reset -> believe() }
#endif
#ifndef BUG_DEAF
	:: atomic { session && !known(session) -> session = 0 } /* no answer for long */
#endif
	:: atomic { session && known(session) && mishaps < MISHAPS -> mishaps++; session = 0 }
	/* Nobody takes the ticket, or an attacker says so. */
#ifndef BUG_STUCK
	:: atomic { attempt && refused(attempt) -> attempt = 0 }
#endif
	:: atomic { attempt && mishaps < MISHAPS ->
		mishaps++;
		attempt = 0;
#ifdef BUG_HINT
		if
		:: session -> believe()
		:: else
		fi
#endif
	}
	:: atomic { mishaps < MISHAPS -> mishaps++; session = 0; attempt = 0 }
	od
}

/* accept makes a half-open session for an m1. */
inline accept(a) {
	sessions++;
	assert(sessions < SESSIONS);
	to[sessions] = a;
	put(offers[a], sessions);
	answer[a] = sessions;
	put(half, sessions);
#ifdef BUG_REPLACE
	replace(sessions)
#endif
}

/* replace makes s the session of the device. */
inline replace(s) {
	assert(!confirmed || confirmed != session); /* T3: the session that the device uses is not replaced */
	cut(half, s);
	confirmed = s
}

active proctype Server() {
	byte n;
	bit resets; /* they get through in this run */
	if
	:: resets = 1
	:: true
	fi;
end_idle:
	do
	:: atomic { attempt && !answer[attempt] && !refused(attempt) -> accept(attempt) }
	:: atomic { attempts && mishaps < MISHAPS ->
		pick(n, up_to(attempts));
		mishaps++;
		if
		:: !refused(n) -> accept(n)
		:: else
		fi;
		n = 0
	}
	:: atomic { first & half -> /* a first record */
		pick(n, first & half);
		assert(has(taken, n)); /* T4: only what the device has taken is confirmed */
		if
#ifndef BUG_OLDER
		:: n < confirmed -> cut(half, n) /* it comes late: there is a newer one */
#endif
		:: else -> replace(n)
		fi;
		n = 0
	}
	:: atomic { confirmed && !has(served, confirmed) -> put(served, confirmed) }
	/* Who names an ID that nobody has gets the token that belongs to it. */
	:: atomic { resets && up_to(sessions) & ~(half | (1 << confirmed) | reset) ->
		reset = reset | (up_to(sessions) & ~(half | (1 << confirmed)))
	}
#ifdef BUG_GUESS
	:: atomic { !has(reset, sessions + 1) -> put(reset, sessions + 1) }
#endif
	:: atomic { half && mishaps < MISHAPS ->
		mishaps++;
		pick(n, half);
		cut(half, n);
		answer[to[n]] = 0;
		n = 0
	}
	:: atomic { mishaps < MISHAPS && retired < sessions -> mishaps++; retired = sessions } /* a new ticket key */
	:: atomic { mishaps < MISHAPS ->
		mishaps++;
		half = 0;
		n = 1;
		do
		:: n < ATTEMPTS -> answer[n] = 0; n++
		:: else -> break
		od;
		n = 0;
		if
		:: confirmed = 0
		:: true /* the table was saved */
		fi
	}
	od
}

/* Judge looks when nothing moves any more. */
active proctype Judge() {
	timeout;
	assert(session && session == confirmed && !attempt) /* T5: the two agree in the end */
}
