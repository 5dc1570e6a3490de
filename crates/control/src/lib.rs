//! Configuration to World to every core; probes; reload; status.
