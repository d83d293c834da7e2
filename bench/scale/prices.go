package main

import "flag"

// prices are the prices of units, in dollars, and their capacities. The defaults
// are list prices of us-central1 in 2026, without discounts.
type prices struct {
	node          float64 // a Spanner node for an hour
	storage       float64 // a GB in Spanner for a month
	pubsub        float64 // a TiB published or delivered
	classA        float64 // a million writes to Cloud Storage
	cpu, memory   float64 // a vCPU and a GiB of Cloud Run for a second
	nodeWrites    float64 // rows that a node writes in a second at full load
	load          float64 // share of the load at which Spanner is kept
	nodeStorage   float64 // TB for each node
	subscriptions float64 // of others, beside the service's own
	objects       float64 // objects stored per write: images, documents above 64 KiB
	cpuMillis     float64 // of gateway and service, for a write with its event
}

func (p *prices) flags(f *flag.FlagSet) {
	for _, o := range []struct {
		to    *float64
		name  string
		value float64
		about string
	}{
		{&p.node, "node", 0.90, "dollars for a Spanner node for an hour"},
		{&p.storage, "storage", 0.30, "dollars for a GB in Spanner for a month"},
		{&p.pubsub, "pubsub", 40, "dollars for a TiB published to or delivered by Pub/Sub"},
		{&p.classA, "class-a", 5, "dollars for a million writes to Cloud Storage"},
		{&p.cpu, "cpu", 0.000018, "dollars for a vCPU of Cloud Run for a second"},
		{&p.memory, "memory", 0.000002, "dollars for a GiB of Cloud Run for a second"},
		{&p.nodeWrites, "node-writes", 3500, "rows that a Spanner node writes in a second"},
		{&p.load, "load", 0.65, "share of the load at which Spanner is kept"},
		{&p.nodeStorage, "node-storage", 10, "TB that a Spanner node may have"},
		{&p.subscriptions, "subscriptions", 1, "subscriptions beside the services' own"},
		{&p.objects, "objects", 0, "objects stored per write"},
		{&p.cpuMillis, "cpu-ms", 1, "milliseconds of CPU of gateway and service for a write"},
	} {
		f.Float64Var(o.to, o.name, o.value, o.about)
	}
}

const (
	month   = 730 * 3600.0 // seconds
	year    = 365 * 86400.0
	logDays = 90.0
	// message is the size of an event in Pub/Sub with its attributes, which is
	// billed as at least 1,000 bytes.
	message = 1100.0
)

// bill is the monthly cost of a rate of writes, without the storage of resources.
type bill struct {
	nodes                              float64
	compute, log, pubsub, objects, run float64
}

// bill returns the costs of writes per second that each cost c. The nodes suffice
// for the writes, and for a year's data.
func (p *prices) bill(c cost, writes float64) bill {
	logTB := float64(c.logged) * writes * logDays * 86400 / 1e12
	b := bill{
		nodes:   float64(c.rows+c.entries) * writes / (p.nodeWrites * p.load),
		log:     logTB * 1000 * p.storage,
		pubsub:  writes * month * message * (2 + p.subscriptions) / (1 << 40) * p.pubsub,
		objects: writes * month * p.objects / 1e6 * p.classA,
		run:     writes * p.cpuMillis / 1000 / 0.6 * month * (p.cpu + p.memory), // at 60 % of the CPU, 1 GiB for each
	}
	b.nodes = max(b.nodes, (logTB+float64(c.stored)*writes*year/1e12)/p.nodeStorage)
	b.compute = b.nodes * p.node * month / 3600
	return b
}

// kept returns the monthly cost of storing resources, without the log.
func (p *prices) kept(c cost, resources float64) float64 {
	return float64(c.stored) * resources / 1e9 * p.storage
}
