// Package export shows a perf.Snapshot to the outside: to Prometheus by a Collector, and to
// scrapers made for twemproxy by a StatsServer.
//
// Both ask a Source when they are asked, and keep nothing in between: no cache, no second
// copy of a counter. What is shown under which name says the table perf.Families.
//
// # What it refuses
//
// It never shows figures that are older than the question: if the workers do not answer a
// Source in time, a scrape fails as a whole, rather than to show a standing counter. It
// opens no listener; cmd does, and hands it over.
//
// # Goroutines
//
// A StatsServer runs one goroutine per connection being answered, at most MaxAnswers, each
// for at most AnswerTime. Collect runs on the goroutine of the scrape.
package export
