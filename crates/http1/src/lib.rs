//! The HTTP/1 codec: bytes in, heads and framing out, no I/O.
