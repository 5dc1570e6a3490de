//! State machines without I/O: health, drain, slow start, stickiness, anomaly.
