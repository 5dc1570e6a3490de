//! The only crate that opens sockets, reads clocks, draws random numbers, holds unsafe.
