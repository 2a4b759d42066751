//! The factory injection protocol.
