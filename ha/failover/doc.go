// Package failover decides for one group of servers when its master is dead, who takes its
// place, and in which order that is done. It is a pure core: events in, actions out. It has no
// clock, no socket and no goroutine; times are nanoseconds of perf.Now, as they arrive in
// events.
//
// # What it promises
//
//   - The epoch numbers promotions: processes that know of the same one have the same epoch, no two masters have the same as far
//     as anybody can see, and one published table names one master.
//   - No server is promoted before the data path is fenced off from the one before it: every
//     connection to that one is closed, so that no late reply of it reaches a client and no
//     request in its socket buffers belongs to anybody who was told otherwise.
//   - Revoke, measure, promote, in this order. The replicas are first detached from the old
//     master, so that their offsets stand still; then they are compared; then one is promoted.
//   - Data are compared by lineage (replication id) and offset, never by offset alone: by how much of
//     the last master's stream is in them, through every lineage that carries on another.
//   - No server is told to copy another one that is not known to have everything that the first has:
//     the new master of a switchover is believed when the same process, or its lineage, shows that it has
//     what the old one had when nothing was in flight there any more, and before that nobody follows it.
//     Likewise after a failover: its siblings follow the new master when it is published, and until it takes a
//     write at most as many as that needs, of those that have nothing that it lacks, once it has said that it is master with
//     all that it had and the state file says which lineage it has begun. Nobody is pointed at an address where
//     nobody answers.
//   - What changes a server is for the process whose data were looked at: another one that answers at its address refuses,
//     and is looked at first. Who has started again since he stood still is measured anew before anybody is chosen.
//   - Everything that was begun ends in a publication or in a release, and no state is without
//     an exit: who is refused is looked at again, is followed once nothing newer can exist, or Status
//     says who would have to agree, and what an operator can choose from. What is intended is persisted before a server is touched; a machine that starts
//     with an intent finishes it or takes it back.
//   - What the data path notices may hold writes and hurry probes; it never promotes.
//
// # Who decides
//
//	observe   somebody else. The machine follows roles that lineage proves, and sends nothing.
//	local     this machine, alone. It stands down while it hears another one's heartbeat.
//	sentinel  Redis Sentinel: a majority and a higher epoch. The machine fences and follows;
//	          while the old master answers, what is in flight there is awaited before it does.
//
// A switchover that an operator orders is carried out in every mode but observe. In mode sentinel
// that includes one order to the old master, whose writes are paused: to follow whom Sentinel has
// named, so that it refuses what waits there instead of losing it. Writes fail when they are held
// for longer than Hold, so every switchover is decided before that: whom Sentinel has promoted is
// followed before it is named, and when there is nobody in time the writes go on at the old master,
// until Sentinel makes another one after all.
//
// # The states
//
// The table stands at State. In words:
//
//	Init       nothing is known; the table is as configured or as the state file says
//	Healthy    the master answers
//	Suspect    it does not; new writes are held, probes are fast
//	Freezing   it is dead, we may act: intent persisted, connections closed, both awaited
//	Revoking   the last look at the old master; then all replicas are detached from it
//	Selecting  the frozen offsets are read, the best candidate is chosen
//	Promoting  it is made master
//	Proving    it says so itself, with the lineage that it must have, and the state file knows that one
//	Verifying  it takes a write, for which one sibling is pointed at it if it takes none without a replica;
//	           after a switchover it has to say what it is here
//	Settling   it is published; siblings are brought in line, one full copy at a time
//	Stuck      there is no candidate: who was detached stays so until the old master answers, writes fail; it is tried
//	           again after 1, 2, 4, 8, 16 s, and what has made nobody master does not count as a failover
//	Ambiguous  two masters, or one that others contradict, and no proof: writes wait and fail, an operator or the arbiter decides
//	Following  sentinel or observe: another master was named; it is looked at before it is published
//	Draining   switchover: writes are held, what is in flight is awaited
//	Handing    switchover: the master hands over to the target
//
// Anti-flapping is not a state but a permission: after a failover the machine does not begin
// another within MinInterval, and after HourlyCap of them in an hour it is latched until an
// operator releases it. One that somebody else has made, and that it follows while the old master does not answer, counts
// as well. While it may not act it stays Suspect, and Status says what forbids it.
//
// # What counts as death
//
// A master is dead when it refuses connections, or is silent, or loads its data, for as long
// as Options say, and a majority of the replicas that answer say that they hear nothing from
// it either, in answers that were asked for since. Who was detached from it in the same silence has said so. MISCONF and BUSY need no witnesses, since
// the server itself complains; a rejected password never counts. A process that answers at
// its address without its data, while a replica has them, is not the master: that replica is
// promoted at once, before it is made to copy nothing; if no replica that answers has them, whoever
// does is waited for, for DownSilence, and then that process is taken as it is: the loss is reported,
// and stays an alarm, as does what is lost with a replica that had been away, until an operator resolves it or the
// data are back: in other processes too, which hear of it by a list on the master (hearLost). Nobody is waited for when it
// has the group's mark and keys, and every other server answers, follows it and has its data. A group whose
// servers all say that they are replicas has lost its master too.
//
// # What is promoted
//
// Who has most of the last master's stream, whatever his lineage is called; what that one carries on of the
// streams before it is part of it. Where one of the lineages in between began is not always known: who may have
// more goes first, unless another one has all that the master has said it had. Who has only older parts lacks what
// was written since, which is better than no server, and the loss is reported. Nobody is passed over because he is slow: who has by
// his last answer more than everybody who has acknowledged that he follows nobody is told so again, and who was chosen and has more
// than the others is told again what he has not answered in time, as long as he answers probes or has until a moment ago: for
// twice DownSilence at most before somebody is chosen, and for as long after that. The old master is followed again when it answers
// before somebody is chosen. A server that has started from an
// append-only file has a lineage that nobody knows, and is last: when it has the last master's mark, and nobody
// with more has come for DownSilence; of several the one that was seen to follow the master for longer. Such a server that
// was there to be chosen follows the chosen one if that is another such one, which did not follow the master for less long;
// beside one that is known to lack something it may have the rest, and is left alone until an operator resolves it. A figure of what is lost is an upper
// bound: with a publication, nothing after a switchover, and else unknown, with what is known to be lost at least; exact when the old master returns and is
// looked at, unless it has started again.
//
// A failover is an ordinary one when the promoted server followed the master's stream live when the master died: its
// process was seen linked to it, or says that it lost the link, no earlier than a second before the master last
// answered; where this process has not seen the master alive, no earlier than DownSilence before it began, by what it says
// itself: one that was stopped says that it lost the link when it went on. What it lacks
// are the last moments; the old master is demoted when it returns. Everybody else was away: whatever offsets are known,
// the master may have taken any number of writes since; so was a server that says it is master and that nobody is known to
// have promoted, and that this process has not seen follow the last one: it may have been started so. He is taken after DownSilence only, also when the one has failed for
// whom the failover was begun, unless another process answers in the master's place, which he would copy. That is an alarm until an
// operator resolves it, and who returns with anything of the old master's stream that the group's master cannot be shown
// to have is left alone until then, through every publication and restart. Nor is the mastership given back by
// itself because the new master's offset shows no write: a server without a backlog, as one that has come back
// alone, counts none of them in its offset (redis 7.0). It is when he has refused his mark for want of replicas, with as many as he was ever seen with, and has had no more since.
//
// Who refuses the write that he is tried with is given up for the next one: MISCONF or BUSY need not be everybody's. A right that is
// missing mostly is, and says nothing of the server: he is published without, and status says so. When nobody takes it, the best of those that were made master is followed, and that
// stays an alarm. Who says MISCONF before he is tried goes behind everybody who has not been away. OOM is no such refusal: a write that needs no memory shows as well that the server is master.
//
// # After a restart
//
// The master by the state file is the one that is looked at, whatever the table names; the
// one that the table names is fenced off before another is published. A candidate that is
// master already, and lacks nothing that others have, is published. Replicas that were detached follow the old
// master again when it answers with all that it had; if it does not, that they were being detached speaks against it.
//
// Without a usable state file several servers may say that they are master. They are asked what
// they hold: whose data another one carries on and who holds nothing are left out, then it is the
// one that replicas follow or that has the newest mark; where these disagree nothing is decided.
// The epoch is then that of the mark on the master. What a master had that does not answer its replicas say: those that have been
// linked to one since they were started, or, where there are none, those that were started with data and a mark, once they were seen for DownSilence, for the
// master may be starting as they have. Who was started with nothing says nothing: when nobody else answers nobody is promoted. What is known so
// measures no master that answers after all: it is compared with them like any other. Until it does, its replicas that have data with a mark are made to follow
// nobody, for they would copy whoever comes up at its address. One server that says it is master is believed when no
// replica that answers has data which it lacks: under a replication id that it does not carry on, or more of one.
// Who holds nothing has none, nor who is of an earlier time by his mark, nor who has been started with data of
// which nothing is known, no later mark among them, and is being given the master's, or was kept from that, unless the master holds nothing. Who has all that this one and the others have (it may have come back
// with an old dump, and written nothing since), or a later mark while nobody follows this one, is promoted, as when another process answers in the master's
// place; otherwise nothing is decided, until what they have is no different any more. Who has more of a lineage that it carries on is made to follow nobody meanwhile,
// or it would copy it by itself; where that was not to be, what is lost so is an alarm until an operator has resolved the group.
// Who answers for the first time when a master is believed already, and has what that one lacks, is left alone likewise, until an
// operator has.
//
// Clients can write marks. What is believed of one is: at a start, and of a master that this process has not made one, that
// it is of a later epoch, within reason; of two servers that say they are master without a state file, that the higher one
// is the later, unless the replicas follow the other. Once the process has asked for the mark of its master it knows the
// epoch, and any other mark there is put right and named; so is one that a candidate has copied. A mark that was found
// to be forged is believed of nobody who returns with it, also after a restart of this process.
//
// Whoever makes a promotion numbers it above every mark that he has seen: on the chosen one, on who stood still beside it, on
// whoever was looked into. Who follows takes that number from the mark of whom he follows, and the number after his own
// only for one that was made master without any, by hand; a publication of the same promotion after a restart changes nothing, nor
// do the table's own publications. Beside another monitor that is active the mark on the master is the epoch, be it an earlier
// one: what only this process has counted is void.
//
// A mark is a write like any other, so that a master with too few replicas to acknowledge one does not take it. Who was made
// master so, on the smaller side of a cut, gives way when another one is reached that has all that he had then, and no earlier mark than
// the last that was taken; until then he is given none of the replicas that follow somebody else. With a majority needed for each write two
// masters cannot have taken the same mark, for who numbers the later one has seen the earlier. Where less is needed they can:
// then whom more replicas follow counts, and nobody but an operator decides between as many, unless nobody follows the other.
//
// # The servers' files
//
// A promotion and a demotion write what the server has become into its file. FAILOVER does not:
// after it the new master is told to, and then the old one. Never the old one alone, for started
// together, without a proxy, both would be replicas.
//
// # One server under two names
//
// A server is its process: an address that answers with the run_id of a member is that one under another name, an
// alias. It is no member: it is not counted, told nothing and never promoted, who follows its address follows that
// member, an operator who names it means that one, and Status says that it should leave the file. It becomes a member
// when it has been another process for aliasFor.
//
// # Rejoining
//
// A member that is not the group's master and says it is one is never used (the detector keeps
// it out of the readers). In local mode it is asked what it holds, and demoted when its data
// are kin to the group's or to a former lineage's, when it is a process that was our master,
// when it has the marker key that only this group's masters write, or when it holds nothing (where that key may not be read: by the
// others alone, and when no replica follows it); a
// stranger's data are never touched, and reported. An address proves nothing, nor do the names of keys or most of
// their values: somebody may have gone on with a copy of the group's. So who has started from an append-only file after clients had
// deleted the mark is left alone, until an operator makes it empty. A member that follows
// somebody else than the group's master is pointed at it, under the same condition, one full copy
// at a time.
//
// A replica that another monitor may have told whom to follow is looked into first: it follows another server of the group that says
// it is master or is silent here, or nobody, and this process has not told it so. Where its mark is of an earlier epoch than
// ours it joins. Otherwise it is left alone, for where the network is cut each side may have a master, and with a replica
// that is told to follow both in turn both would acknowledge writes: with a later mark, or linked to whom it follows,
// until an operator or the other monitor says otherwise; else, or with a mark that no monitor can have left, for DownSilence, for the
// mark may be on its way.
//
// What keeps a failover from being begun keeps no replica at the address of a master that has been in question for as long as a dead
// one: with the group's data and without a link it is made to follow nobody, and follows it again when it answers with everything.
// That promotes nobody, so that what this process had seen before it stood still counts for it. Nobody is told so of a latched group.
// Who has what the master was taken without, and follows somebody who does not answer, is made to follow nobody likewise, and who
// follows one of several that say they are master, which ends.
//
// Beside another monitor this one tells servers nothing. Where that is known by a heartbeat alone, which may be left over from one that
// has ended (Faint), replicas with the group's data are made to follow nobody all the same while the master does not answer, or
// answers without them, and follow it again when it answers with them.
//
// Who has a mark of a later epoch than this process knows of was made master by another one. As long as there is no master he
// is followed. Beside one that answers, and has no such mark, he is when he is the process that has followed the group's stream, or carries
// its data on: what the master acknowledges from then on is lost, so that writes are held at once, also when it is only a
// replica that is reached and follows him. While another monitor is active its switchover may come to nothing before it has
// published him: it is waited for that its heartbeat is renewed there, which counts whatever the marks, or at the master, which
// takes it back. Nobody has to be waited for when no other one is active. Anybody else with such a mark is left alone and reported. So is who has data that
// a master has come back without, until one has them, an operator has resolved it, or every server was seen to follow.
//
// Sources of the rules: Redis' sentinel.c for what counts as alive; Vitess' emergency reparent for
// revoking before promoting. The figures are judged by make failover and make chaos.
package failover
