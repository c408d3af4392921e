/*
 * Key update in records (RFC 9147 sections 4.2.1, 7 and 8; docs/protocol.md sections 11.1 and
 * 11.2). ./spin checks it, and README.md says what that shows.
 *
 * Two ends with the same rules. Each has at most one handshake message out, a KeyUpdate or a
 * NewTicket, and sends it again until it is acknowledged. What was sent stays on the network:
 * it may arrive at any time, any number of times and in any order, or never. A record is its
 * kind, its epoch and its message_seq: copies under other numbers do the same thing.
 *
 * LIVE gives the network fewer liberties, so that there is progress to check: what arrived is
 * gone, and of LOST + 1 copies of a message one arrives. There is no data, and the old epoch
 * goes at once when the new one is heard.
 *
 * BUG_... breaks a rule, to see that it is missed.
 */

#ifndef UPDATES
#define UPDATES 2 /* that each end starts by itself */
#endif
#ifndef LOST
#define LOST 2
#endif
#define TICKETS 1               /* that end 0, the server, sends */
#define MESSAGES (UPDATES + 1)  /* message_seq is less */
#define EPOCHS (UPDATES + 1)    /* epoch 3 of the protocol is 0 here */

#define NONE 0
#define KEYUPDATE 1
#define NEWTICKET 2

/* Sets of small numbers. */
#define only(n) (1 << (n))
#define has(set, n) ((set) & only(n))
#define put(set, n) set = (set) | only(n)
#define cut(set, n) set = (set) & ~only(n)

/* The network toward one end is a set of these. */
#define a_data(epoch) (epoch)
#define a_message(seq) (EPOCHS + (seq))
#define an_ack(seq, epoch) (EPOCHS + MESSAGES + (seq) * EPOCHS + (epoch))

typedef End {
	byte send;      /* epoch */
	byte out;       /* the message that is not acknowledged */
	byte next;      /* message_seq */
	byte updates;   /* still to start */
	byte tickets;
	byte receive;   /* the newest epoch */
	byte held;      /* the epochs that open */
	byte expected;  /* message_seq */
	byte begun;     /* the epochs in which numbers have started at 0 */
	byte opened;    /* records of epochs below this have opened */
	byte kind[MESSAGES];  /* what was sent as message_seq */
	byte epoch[MESSAGES]; /* and in which epoch, also when it is sent again */
};
End end[2];
int wire[2];

#ifdef LIVE
byte lost_messages[2], lost_acks[2]; /* in a row */
#endif

/* old is the epoch before the newest, where it is still open. */
#define old(i) (end[i].held & ~only(end[i].receive))

/* transmit puts a record of end i on the network. */
inline transmit(i, under, record) {
	assert(has(end[1 - i].held, under)); /* K1: what leaves can be opened, if nothing overtakes it */
	put(wire[1 - i], record)
}

/* start sends a message for the first time. */
inline start(i, what) {
	end[i].out = what;
	end[i].kind[end[i].next] = what;
	end[i].epoch[end[i].next] = end[i].send;
	end[i].next++;
	transmit(i, end[i].send, a_message(end[i].next - 1))
}

/* advance moves the send epoch. Numbers start at 0, so the key has to be new. */
inline advance(i) {
	end[i].send++;
	assert(!has(end[i].begun, end[i].send)); /* K2: no (epoch, sequence) pair twice */
	put(end[i].begun, end[i].send)
}

proctype Endpoint(byte i) {
end_idle:
	do
	:: atomic { end[i].updates > 0 && end[i].out == NONE ->
		end[i].updates--;
		start(i, KEYUPDATE);
#ifdef BUG_EARLY
		advance(i)
#endif
	}
	:: atomic { end[i].tickets > 0 && end[i].out == NONE ->
		end[i].tickets--;
		start(i, NEWTICKET)
	}
#ifdef BUG_PIPELINE
	:: atomic { end[i].updates > 0 && end[i].out == NEWTICKET ->
		end[i].updates--;
		start(i, KEYUPDATE)
	}
#endif
#ifndef BUG_ONCE
	:: atomic { end[i].out != NONE && !has(wire[1 - i], a_message(end[i].next - 1)) -> /* the timer */
		transmit(i, end[i].epoch[end[i].next - 1], a_message(end[i].next - 1))
	}
#endif
#ifndef LIVE
	:: atomic { old(i) && end[i].opened > end[i].receive -> /* at once, or when some time has passed */
		end[i].held = only(end[i].receive)
	}
	:: atomic { !has(wire[1 - i], a_data(end[i].send)) ->
		transmit(i, end[i].send, a_data(end[i].send))
	}
#endif
	od
}

/* acknowledge uses the newest epoch that may be used (RFC 9147 section 7). */
inline acknowledge(i, seq) {
	transmit(i, end[i].send, an_ack(seq, end[i].send))
}

/* install makes the next epoch the newest that is received. */
inline install(i) {
	end[i].receive++;
#ifdef BUG_DROP
	end[i].held = only(end[i].receive)
#else
	end[i].held = only(end[i].receive) | has(end[i].held, end[i].receive - 1)
#endif
}

/* open finds out whether end i can open a record. */
inline open(i, under) {
	opens = has(end[i].held, under) != 0;
	if
	:: opens && end[i].opened <= under -> end[i].opened = under + 1
	:: else
	fi;
#ifdef LIVE
	if
	:: opens && under == end[i].receive -> end[i].held = only(under)
	:: else
	fi;
#endif
	assert(opens || under + 2 <= end[i].opened) /* K3: lost only where a later epoch has overtaken it */
}

/* take_message acts on the message of the peer, once and in order, and acknowledges each copy. */
inline take_message(i, seq) {
	if
	:: seq == end[i].expected ->
		end[i].expected++;
		if
		:: end[1 - i].kind[seq] == KEYUPDATE ->
			assert(end[1 - i].epoch[seq] == end[i].receive); /* K4: an update leads on from the newest */
			install(i)
		:: else
		fi;
		acknowledge(i, seq)
#ifndef BUG_SILENT
	:: seq < end[i].expected -> acknowledge(i, seq)
#endif
#ifdef BUG_PIPELINE
	:: seq > end[i].expected -> acknowledge(i, seq) /* it is queued */
#endif
	:: else
	fi
}

/* take_ack lets the sender move on. */
inline take_ack(i, seq) {
	if
#ifdef BUG_ANYACK
	:: end[i].out != NONE ->
#else
	:: end[i].out != NONE && seq == end[i].next - 1 ->
#endif
#ifndef BUG_EARLY
		if
		:: end[i].out == KEYUPDATE -> advance(i)
		:: else
		fi;
#endif
		end[i].out = NONE
	:: else
	fi
}

/* arrive is one record at end i. */
inline arrive(i, record) {
	if
	:: record < a_message(0) -> open(i, record)
	:: record >= a_message(0) && record < an_ack(0, 0) ->
		open(i, end[1 - i].epoch[record - a_message(0)]);
		if
		:: opens -> take_message(i, record - a_message(0))
		:: else
		fi
	:: record >= an_ack(0, 0) ->
		open(i, (record - an_ack(0, 0)) % EPOCHS);
		if
		:: opens -> take_ack(i, (record - an_ack(0, 0)) / EPOCHS)
		:: else
		fi
	fi
}

#ifdef LIVE
/* lose says how many records of a kind may be lost in a row. */
inline lose(i, record, count) {
	if
	:: count < LOST -> count++; cut(wire[i], record)
	:: count = 0; cut(wire[i], record); arrive(i, record)
	fi
}

inline carry(i, record) {
	if
	:: record < an_ack(0, 0) -> lose(i, record, lost_messages[i])
	:: record >= an_ack(0, 0) -> lose(i, record, lost_acks[i])
	fi
}
#else
#define carry(i, record) arrive(i, record)
#endif

/* Network takes any record that is on its way to end i, of one kind: those from low on that are
 * below high. A process for each, so that none waits for ever while others come. */
proctype Network(byte i, low, high) {
	byte record;
	bit opens;
end_idle:
	do
	:: atomic { wire[i] & (only(high) - only(low)) ->
		record = low;
		do
		:: has(wire[i], record) -> break
		:: (wire[i] & (only(high) - only(low))) >> (record + 1) -> record++
		od;
		carry(i, record);
		record = 0;
		opens = 0
	}
	od
}

/* begin starts what belongs to end i. */
inline begin(i) {
	end[i].updates = UPDATES;
	end[i].held = only(0);
	end[i].begun = only(0);
	run Endpoint(i);
#ifndef LIVE
	run Network(i, a_data(0), a_message(0));
#endif
	run Network(i, a_message(0), an_ack(0, 0));
	run Network(i, an_ack(0, 0), an_ack(MESSAGES, 0))
}

init {
	atomic {
		end[0].tickets = TICKETS;
		begin(0);
		begin(1)
	}
}

#ifdef LIVE
/* Time passes also when nothing else happens. */
active proctype Clock() {
	do
	:: end[0].held
	od
}

#define done(i) (end[i].out == NONE && end[i].send == UPDATES && end[1 - i].receive == UPDATES)

/* K5: every message arrives once and is known to have arrived, every update takes place, and the
 * two agree in the end. */
ltl agree { <> [] (done(0) && done(1)) }
#endif
