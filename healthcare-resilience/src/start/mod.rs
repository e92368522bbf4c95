//! Start-up in order: what must be ready before what.
