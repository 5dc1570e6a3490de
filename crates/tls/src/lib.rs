//! rustls glue: certificate store, policies, SNI choice, local certificate authority.
