//! One struct per event, and their sinks: access log, connection log, counters.
