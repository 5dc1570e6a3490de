//! A page of prose for every code: cause, what the person sees, how to confirm it, remedy.
