// Package loop is the data path: from a client's bytes to a server's and back.
//
// # The life of a request
//
//		client bytes                                                      reply bytes
//		    │ 1 readable                                                       ▲ 8 flush
//		    ▼                                                                  │
//		 2 admit ──── answered here (local) ───────────────────────────▶ 7 settle
//		    │                                                                  ▲
//		 3 route: table → group → server ◀──── held, retried ──────┐     6 match
//		    │                                                       │          ▲
//		 4 split: one command, several groups (join)                └──────────┤
//		    ▼                                                                  │
//		 5 send: log and FIFO of a link ── one write per link per turn ─▶ redis-server
//
//	 1. A session's bytes arrive in the event loop's read buffer; [session.readable] finds
//	    the frames in place. Only an incomplete tail is copied.
//	 2. [session.admit] gives the request its slot in the session's reply order, asks who
//	    the client is and what the command may do, and answers at once what needs no server.
//	 3. [session.forward] finds the keys, the table names the group, and [poolWorker.pick]
//	    chooses the server: the master for a write, the cheaper of two for a read.
//	 4. [session.split] turns one command over several groups into one part per group;
//	    [join] waits for their replies. [session.spread] sends what concerns every group.
//	 5. [link.send] copies the frame into the link's log, once, and puts an entry into its
//	    FIFO; [worker.end] writes each link that got work with one system call.
//	 6. [link.readable] finds the end of each reply; it belongs to the oldest entry.
//	    What proves that the command did not run goes back to 3 ([poolWorker.refused]).
//	 7. [worker.settle] is the one exit of every request: it counts, and gives the reply
//	    to its slot. [worker.fail] settles with a fault.
//	 8. [session.flush] writes what is next in order, one system call per session and event;
//	    where more is owed and a flush is posted, that takes what the turn's events brought.
//
// # Who owns what
//
// A [worker] is what one gnet event loop owns: its sessions, its links, its clock and its
// counters. Nothing of it is touched by another goroutine, so there is no lock and no
// channel on this path. The ways in from outside are three: publish a table
// ([Pool.Publish], an atomic pointer), post a task ([Engine.postAll]), and enrol a connection.
//
//	goroutine        started by        stopped by       owns
//	event loop       gnet, [New]       [Engine.Stop]    one worker
//	acceptor         the caller of     closing the      nothing; hands connections over
//	                 [Pool.Serve]      listener
//	ticker           [Engine.Start]    [Engine.Stop]    nothing; posts ticks
//	dialer           [Engine.dial]     its timeout      the connection until it is enrolled
//	unmapper         loop/memory       itself           memory that nobody refers to
//
// Bytes: a frame and a reply alias the loop's read buffer and are dead when the event
// ends. A request is copied once, into the log of its link, where it stays until it is
// answered, because a refusal must be able to send it elsewhere. A large one, which comes in
// many reads, is collected in a region (see loop/memory), to which the log and the connection refer: no event copies
// all of it, or gives all of it to the kernel. Where the system maps no memory for one it is on the
// heap, charged before it is taken ([session.extend]), and slow. A reply that is next in
// order is written from the read buffer without a copy; one that is early is copied once,
// into its session's parked buffer. A large one that was collected, because it is early or a part
// of one, lies in a region as well, to which the session refers; so does a large message, to which
// all of its members refer ([bulky]).
//
// # Order
//
// A session has one slot per request, and replies leave in slot order. A session uses one
// link per server, so its requests reach a server in order. A link's replies match its
// FIFO's entries, oldest first; an entry whose answer nobody wants any more becomes a sink
// and swallows the late reply. An entry names its session by index and generation, never
// by pointer: one that has gone is recognised, and the FIFO holds nothing for the garbage
// collector to follow. It names its group by a [groupRef], which is stale as soon as another
// table has given groups other indexes or keys other groups: then the group is found anew.
//
// # A Redis Cluster
//
// Where the servers are a Redis Cluster the table has slots instead of a ring, and commands are
// bound to one slot: those over several are split by slot. What a server refuses because it
// has not the slot is sent on ([poolWorker.redirected]) or put off ([redirectQueue]), and clients
// never hear of it. A session of which something is redirected stands alone until it is
// answered, and so does every session with something in flight when slots change hands: what
// it says later cannot overtake. What the master alone may answer a node answers by its own word
// that it has the slot, not by the table's ([link.suit]), and a replica that has nothing is not
// believed ([poolWorker.doubted]). What is published is heard of every server, so one of them carries
// each topic.
//
// # State
//
// Most sessions have no state but their dialect: the protocol that they chose with HELLO,
// and the database that they chose with SELECT. A worker has one link set of shared links per
// dialect, so replies pass byte for byte. A request that changes the dialect waits until
// everything before it is answered ([session.stepAside]).
//
// A session with more state is in a mode, which the data path asks for once per request
// ([session.odd]). It is kept here, not at the server, as long as that can be:
//
//   - a transaction is queued in the session and sent in one piece, which no other
//     session's requests can come between (an entry with several replies, [link.leads]); what
//     of it the proxy answers itself is answered behind that, and put in its place ([medley]);
//   - subscriptions are the worker's: one upstream for any number of subscribers, see below;
//   - only WATCH and commands that wait at the server ([session.block]) take a private link
//     ([poolWorker.borrow]), which never becomes a shared one again. What the worker itself
//     has to ask about those who wait goes over a link of its own ([poolWorker.ask]).
//
// CLIENT REPLY marks the slots of requests that are not to be answered, so that a reply is
// dropped where it would be said; CLIENT PAUSE leaves requests unread where they are, on
// every worker, until it is over ([pause]).
//
// A server that is busy, loads or cannot save its data is not a missing one: a link to it is up,
// and its own words reach the clients ([link.bears]). While it runs a script over a shared link,
// which it does not read meanwhile, or much is owed there to one session, a second one carries
// what others say ([session.sidestep]).
//
// Should a server or a bug ever swallow a reply or add one, every later reply of the link
// would be somebody else's. A busy shared link finds out within a second: see [canary]. Where
// a client has a say in what a server writes, as with scripts, a canary stands behind every
// such request, and nobody else gets anything of it: see [link.guard].
//
// # Publish and subscribe
//
// A worker has one feed per server, a connection on which it does nothing but subscribe: once
// to each topic, however many members that has here. A server queues a message for every
// subscriber at the moment at which it executes the PUBLISH. So what it answers on a feed, to
// whatever it was told there, proves that every message has arrived that was published before
// it looked: such an answer is a mark. Nothing else orders a feed against the links on which
// clients publish.
//
// What a session has to do with a topic, by what its orders (SUBSCRIBE, UNSUBSCRIBE and their
// sisters) have asked for and what has been confirmed to it:
//
//	             SUBSCRIBE    UNSUBSCRIBE  answered   failed   gone, QUIT, RESET
//	nothing      joining      (confirmed)  -          -        -
//	joining      joining      leaving      member     nothing  nothing
//	member       renewing     leaving      -          -        nothing
//	renewing     renewing     leaving      member     member   nothing
//	leaving      joining      leaving      nothing    -        nothing
//
// It hears messages while it is a member, is renewing, or leaves what it was a member of; to
// be a member begins and ends with the confirmation. answered: every server that has to carry
// the topic has answered something that it was told after the order. That is the order itself
// where the topic has its first member here or loses its last; else a PING, and all orders of
// one event share one, however many they are. So an order costs what it costs at a server, one
// round trip, and a topic that is heard already costs the server a PING instead of a SUBSCRIBE.
// Names that are told in one event travel in one command, see [feed.utter].
//
// What is promised, for any number of proxies in front of the same servers: a message whose
// PUBLISH is sent after SUBSCRIBE was confirmed, and is answered before UNSUBSCRIBE is sent,
// is heard, once, in the order of its publishing, before the confirmation of UNSUBSCRIBE. One
// whose PUBLISH is answered before SUBSCRIBE is sent, or sent after UNSUBSCRIBE was confirmed,
// is not. This holds for whatever publishes: scripts, transactions, events of keys. A session
// that subscribes and publishes itself is served in its own order: an order waits for all
// requests before it, and requests wait for all orders before them, QUIT and RESET for the
// messages that were published before; orders do not wait for orders. A message never overtakes
// the reply to a request of its session that was executed before it was published; it may come
// behind replies to later ones, because replies and messages come on two connections.
//
// What is not: a Redis Cluster passes messages between its nodes in its own time, so that a
// pattern, and what a script publishes elsewhere than on its channel's node, is ordered as it
// is for a client of one of its nodes. When a feed is lost, or the topic moves to another
// master, what is published until the next feed carries it is lost, as it is to every
// subscriber whose server goes away; nothing comes twice. Who joins waits for the next feed as
// long as requests are held (hold_timeout), or is told that it could not be had; who leaves
// has left. A server that answers nothing is waited for no longer than it may take to answer a
// request (timeout): then SUBSCRIBE has failed, and UNSUBSCRIBE is confirmed.
//
// A large message that members do not take at once is held once for all of them on a worker, and
// charged to all in equal parts ([shared]).
//
// A message costs its members' worker as much as there are members, and a feed may do no more
// work per event than a client: what is more is put off, in order and with all that comes behind
// it, and the feed is not read from meanwhile. A server gives up a feed that is too far behind
// (client-output-buffer-limit pubsub), and messages of others come behind those that it has queued.
// So whoever may publish through this process waits while more is published than can be passed on,
// by whatever command: PUBLISH, scripts, commands of modules, EXEC with any of these, and where
// events of keys are heard whatever writes, or reads where those of missing keys are. See [lag].
//
// What PUBLISH counts is what its server says, with their members on all workers in the place of
// our feeds: nobody who is subscribed is left out, see [crowd].
//
// # Outages
//
// A new link carries nothing before it is known that its server is the process that the table names
// ([link.recognises]).
//
// A link that is lost is dialed at once, and what has not been sent waits there: that the connection
// is gone does not mean that the server is ([link.mayComeBack]). When the dial fails, it is down.
//
// What cannot be executed now waits in its group's [hold]: while the master's link is down or
// the master refuses, and while the table says that the group is held, for then somebody is
// about to replace the master. Afterwards it is sent in order, one request first and then ever
// more at a time ([release]). A former master that still owes replies is awaited before the
// next one gets anything ([gate]). [Pool.Drain] waits until a server owes nothing, [Pool.Fence]
// closes every link to it; clients that are blocked there wait on at the next master.
//
// A server that owes replies and says nothing is avoided by reads until it does, and those that
// wait for it are sent once more, to another member of the group ([link.divert]); so is a read
// that runs out of time elsewhere. One whose reply has begun is not sent again while that goes on.
// What nobody else may serve waits on.
//
// # Bounds
//
// A turn is one event of every connection that is ready. Whatever one party asks for costs the
// others a bounded share of a turn, and bounded memory:
//
//	who asks   for what                      bound                          beyond it
//	client     answers made here             mostWork/clientShare per event the rest of its bytes wait for a turn ([session.spend])
//	client     blank lines, many words       the same                       likewise
//	client     a word of every worker        one at a time                  later requests wait ([gather])
//	client     what masters say              one question, inquiryTime      what they do not tell is left out ([session.inquireFor])
//	client     words of what is answered here mostWords, mostWordBytes       refused, or a server's to answer ([session.local])
//	client     names of topics, patterns     mostWordBytes each              refused ([session.pubSub], [session.scan])
//	clients    the same, all of them         piecesPerTurn per turn         chores stand in line ([worker.addChore])
//	server     messages to pass on, answers  mostWork per event             what it says waits for a turn ([feed.goOn])
//	client     orders with many names        namesPerPiece per event         they are read, and confirmed, in pieces ([pendingOrder])
//	client     to subscribe, the server's    such a piece of an order,      the next is read when the server has answered
//	           work                          mostNamed names of all         ([pendingOrder.readSome], [session.awaitsQuiet])
//	server     to be asked for topics anew   the same                       in pieces ([feed.each], [poolWorker.resubscribe])
//	clients    to publish more than that,    a read's worth, and what a     whatever may publish waits in line ([session.waitsForFeeds]);
//	           by whatever command           script makes, one per worker   some go on per round ([lag])
//	client     scripts that may, for a time  one in flight                  later requests wait ([session.waitsForFeeds])
//	           after a lag
//	client     answers that it does not read pauseOutput                    it is not read from
//	client     replies of servers            allowedBytes in flight         later requests wait ([session.weigh])
//	client     time of a server, over a      half as many in flight per     later requests wait ([session.narrow])
//	           shared link                   trip of more than longTrip
//	clients    the same, new or rested ones  as many as others may have     likewise ([session.enterSlowly])
//	client     bytes of its requests         askedBytes in flight, or one   likewise ([session.bulk])
//	                                         request
//	client     the replies, over a shared    mostAhead                       others go over a second one, their reads that wait as well
//	                                                                        ([link.lade]); writes that wait there wait
//	client     those, and reads slowly       pauseOutput, and one reply     reads in flight are taken back ([session.recall]), it
//	                                                                        gets a link of its own that is not read from
//	                                                                        meanwhile ([session.fallBehind])
//	client     those, and reads nothing      OutputSoftBytes for            it is closed ([session.softLimit])
//	                                         OutputSoftTime
//	client     one large reply               OutputBytes                    it is closed
//	client     a request                     RequestBytes, BulkBytes, Args  an error that names the key, and it is closed
//	client     the same, of the servers      ServerLimits, as learnt        likewise, in their words: they would close a link that others share
//	client     that one, which is large      mostPushed per event and link  the rest goes to the server in other events ([link.unloadMore])
//	client     it copied, split, or queued   mostWork/clientShare per event the rest of it waits for a turn ([session.workOn])
//	client     its keys' groups found        the same                       likewise ([survey])
//	client     one large reply, early or of  mostGiven, and mostWork/clientShare the rest of it waits for a turn ([session.drainSoon],
//	           many servers                  per event                      [session.mergeLater])
//	client     a transaction                 QueuedBytes                    an error that names the key
//	client     what of it is answered here   mostOwn                        an error
//	client     its reply looked through      mostWork/clientShare per event the rest waits for a turn ([reading], [composition])
//	client     its requests looked through   mostRetold, mostRetoldBytes    EXEC is refused after keys have moved, and scripts
//	                                                                        are not brought
//	clients    all of these together         MaxMemory, of a pool and all   who holds most is closed: of the pool
//	                                                                        and the address that do ([worker.settleDebts])
//	server     a reply without an end        the same                       who asked pays; nobody: the link
//	clients    links of their own            PrivateLinks, two fifths of    an error, or a shared link ([poolWorker.borrow])
//	                                         their descriptors
//	clients    the same, of a server that    a few dials per pause          they wait in line, or are told so ([backoff])
//	           lets nobody in
//	clients    connections                   MaxClients, and descriptors    turned away ([Pool.admit])
//	                                         less those that are lent
//	clients    those of one address          LinksPerAddress                likewise
//	clients    those for one use             three quarters                 likewise
//	anybody    a slab                        mostPooled                     it does not go back to the pool
//
// # What it refuses
//
// It knows nothing of files, probes or promotion, and imports neither config nor ha. What
// it notices about servers it tells a [Reporter]; what they decide reaches it as a table.
package loop
