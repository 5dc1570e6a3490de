//! The HCL language: parse with spans, diagnostics, fmt, expand.
